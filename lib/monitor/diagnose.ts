import { match, P } from 'ts-pattern';

import { CommError, CommErrorCode } from '../comm-error.js';
import { ProbeError, type ProbeStage } from './probe.js';

/** One finding that a person can act on. */
export type Diagnosis =
  | 'bad-request'
  | 'name-not-resolved'
  | 'refused'
  | 'timed-out'
  | 'certificate-not-trusted'
  | 'client-certificate-wanted'
  | 'own-certificate-not-trusted'
  | 'not-tls'
  | 'not-f3'
  | 'handshake-refused'
  | 'name-connected-elsewhere'
  | 'failed';

const TEXT: Readonly<Record<Diagnosis, string>> = {
  'bad-request': 'what was asked for cannot work',
  'name-not-resolved': 'the host name cannot be resolved: check its spelling and the DNS',
  refused: 'connection refused: nothing listens on that port, or a firewall says no',
  'timed-out': 'timed out: the host, a firewall or the peer does not answer',
  'certificate-not-trusted':
    'the certificate of the peer is not trusted: check --ca-cert, and that it is not expired',
  'client-certificate-wanted':
    'the peer wants a client certificate: give --cert and --key, or its mtls is not for you',
  'own-certificate-not-trusted':
    'the peer does not trust our certificate: --cert must come from a CA that it knows',
  'not-tls': 'the peer does not speak TLS on that port: try the scheme without TLS',
  'not-f3': 'this is not F3: something else, or a peer that hangs, has that port',
  'handshake-refused':
    'handshake refused: the peer closed; it does not take us under that --name, or with that certificate, or wants TLS',
  'name-connected-elsewhere':
    'name already connected elsewhere: the peer dropped us, most likely for another party of that name',
  failed: 'failed',
};

/**
 * The most likely reason why a probe failed. It is found by the stage, code and detail of the error and by the system
 * or OpenSSL code underneath, never by the text of a message.
 *
 * @param error - what `probe` failed with; any other error is taken for one of the stage `connect`
 */
export function diagnose(error: unknown): {
  readonly diagnosis: Diagnosis;
  /** The diagnosis in plain words, with what to do. */
  readonly text: string;
  readonly error: CommError;
} {
  const commError = CommError.from(error);
  const diagnosis = classify(commError);
  return { diagnosis, text: TEXT[diagnosis], error: commError };
}

function classify(error: CommError): Diagnosis {
  const { code, detail } = error;
  const stage: ProbeStage = error instanceof ProbeError ? error.stage : 'connect';
  return match({ stage, code, detail, cause: causeCode(error) })
    .returnType<Diagnosis>()
    .with({ cause: P.union('ENOTFOUND', 'EAI_AGAIN') }, () => 'name-not-resolved')
    .with({ cause: 'ECONNREFUSED' }, () => 'refused')
    .with({ cause: P.union('ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH') }, () => 'timed-out')
    .with(
      { cause: P.string.regex(/^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|CERT_)/) },
      () => 'certificate-not-trusted',
    )
    .with(
      { cause: P.string.regex(/ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_EXPIRED|DECRYPT_ERROR)/) },
      () => 'own-certificate-not-trusted',
    )
    .with(
      { cause: P.string.regex(/ALERT_(CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE)/) },
      () => 'client-certificate-wanted',
    )
    .with(
      { cause: P.string.regex(/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/) },
      () => 'not-tls',
    )
    .with(
      { stage: 'connect', code: P.union(CommErrorCode.BAD_CONFIG, CommErrorCode.NOT_SUPPORTED) },
      () => 'bad-request',
    )
    .with({ stage: 'handshake', code: CommErrorCode.TIMEOUT }, () => 'not-f3')
    .with({ stage: 'connect', code: CommErrorCode.CLOSED }, () => 'not-tls')
    .with({ code: CommErrorCode.TIMEOUT }, () => 'timed-out')
    .with({ stage: 'handshake', detail: P.union('own-name', 'certificate-name') }, () => 'handshake-refused')
    .with({ stage: 'handshake', code: CommErrorCode.BAD_DATA }, () => 'not-f3')
    .with({ stage: 'handshake', detail: 'truncated' }, () => 'not-f3')
    .with({ stage: P.union('handshake', 'settle'), code: CommErrorCode.CLOSED }, () => 'handshake-refused')
    .with({ stage: 'ping', code: CommErrorCode.CLOSED }, () => 'name-connected-elsewhere')
    .otherwise(() => 'failed');
}

/** The first system or OpenSSL code in the chain of causes; empty where there is none. */
function causeCode(error: CommError): string {
  let cause: unknown = error.cause;
  while (typeof cause === 'object' && cause !== null) {
    if (!(cause instanceof CommError) && 'code' in cause && typeof cause.code === 'string') return cause.code;
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return '';
}
