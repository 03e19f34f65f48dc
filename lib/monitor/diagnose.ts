import { match, P } from 'ts-pattern';

import { CommError, CommErrorCode } from '../comm-error.js';
import { ProbeError, type ProbeStage } from './probe.js';
import { reconsider, type SecondLook } from './second-look.js';

/** One finding that a person can act on. */
export type Diagnosis =
  | 'bad-request'
  | 'name-not-resolved'
  | 'refused'
  | 'unreachable'
  | 'timed-out'
  | 'certificate-not-trusted'
  | 'certificate-expired'
  | 'certificate-of-another'
  | 'client-certificate-wanted'
  | 'own-certificate-not-trusted'
  | 'tls-wanted'
  | 'not-tls'
  | 'other-transport'
  | 'not-f3'
  | 'own-name'
  | 'handshake-refused'
  | 'name-connected-elsewhere'
  | 'failed';

const TEXT: Readonly<Record<Diagnosis, string>> = {
  'bad-request': 'what was asked for cannot work',
  'name-not-resolved': 'the host name cannot be resolved: check its spelling and the DNS',
  refused: 'connection refused: nothing listens on that port, or a firewall rejects us',
  unreachable: 'no route to that host: check the address and the network of this machine',
  'timed-out': 'timed out: the host, a firewall or the peer does not answer',
  'certificate-not-trusted':
    'the certificate of the peer is not signed by our CA: check --ca-cert, and that this is the right peer',
  'certificate-expired':
    'the certificate of the peer has expired, or is not valid yet: renew it there, or set the clock here',
  'certificate-of-another': 'the peer shows the certificate of another: check that this is the right peer',
  'client-certificate-wanted': 'the peer demands a certificate of ours: give --cert and --key',
  'own-certificate-not-trusted':
    'the peer does not accept our certificate: it must be signed by the CA of the peer, and be valid today',
  'tls-wanted':
    'that port wants TLS, and the URL has none: use https, grpcs or stcp, or --connection-security mtls',
  'not-tls': 'the peer does not speak TLS on that port: check the scheme and the port',
  'other-transport': 'that port speaks another transport than that of the URL: change the scheme or the port',
  'not-f3':
    'that port does not speak F3 over this transport: something else, another transport, or a peer that hangs has it',
  'own-name': 'the peer has the name that we present ourselves under: give another --name',
  'handshake-refused':
    'the peer refused us in the handshake: it does not admit that name, our properties, or our certificate under that name',
  'name-connected-elsewhere':
    'name already connected elsewhere: the peer dropped us, most likely for another party of that name',
  failed: 'failed',
};

/**
 * The most likely reason why a probe failed. It is found by the stage, code and detail of the error and by the system
 * or OpenSSL code underneath, never by the text of a message.
 *
 * @param error - what `probe` failed with; any other error is taken for one of the stage `connect`
 * @param look - what a second look at the port has found, where there was one
 */
export function diagnose(
  error: unknown,
  look?: SecondLook,
): {
  readonly diagnosis: Diagnosis;
  /** The diagnosis in plain words, with what to do. */
  readonly text: string;
  readonly error: CommError;
} {
  const commError = CommError.from(error);
  const first = classify(commError);
  const diagnosis = look === undefined ? first : reconsider(first, look);
  const answer = look?.answersTo === undefined ? '' : `; it answers to ${look.answersTo}`;
  return { diagnosis, text: `${TEXT[diagnosis]}${answer}`, error: commError };
}

function classify(error: CommError): Diagnosis {
  const { code, detail } = error;
  const stage: ProbeStage = error instanceof ProbeError ? error.stage : 'connect';
  return match({ stage, code, detail, cause: causeCode(error) })
    .returnType<Diagnosis>()
    .with({ cause: P.union('ENOTFOUND', 'EAI_AGAIN') }, () => 'name-not-resolved')
    .with({ cause: 'ECONNREFUSED' }, () => 'refused')
    .with({ cause: P.union('EHOSTUNREACH', 'ENETUNREACH') }, () => 'unreachable')
    .with({ cause: P.union('CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID') }, () => 'certificate-expired')
    .with(
      { cause: P.string.regex(/^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|CERT_)/) },
      () => 'certificate-not-trusted',
    )
    .with({ detail: 'certificate-refused' }, () => 'own-certificate-not-trusted')
    .with({ stage: 'connect', detail: 'certificate-unproven' }, () => 'own-certificate-not-trusted')
    .with({ detail: 'certificate-wanted' }, () => 'client-certificate-wanted')
    .with({ detail: 'no-tls' }, () => 'not-tls')
    .with({ detail: P.union('other-protocol', 'truncated') }, () => 'not-f3')
    .with({ detail: 'own-name' }, () => 'own-name')
    .with({ detail: 'certificate-name' }, () => 'certificate-of-another')
    .with(
      { stage: 'connect', code: P.union(CommErrorCode.BAD_CONFIG, CommErrorCode.NOT_SUPPORTED) },
      () => 'bad-request',
    )
    .with({ code: CommErrorCode.REFUSED }, () => 'handshake-refused')
    .with({ stage: 'connect', code: P.union(CommErrorCode.CLOSED, CommErrorCode.BAD_DATA) }, () => 'not-f3')
    .with({ stage: 'handshake', code: CommErrorCode.TIMEOUT }, () => 'not-f3')
    .with({ code: CommErrorCode.TIMEOUT }, () => 'timed-out')
    .with({ cause: 'ETIMEDOUT' }, () => 'timed-out')
    .with({ stage: P.union('handshake', 'settle'), detail: 'turned-away' }, () => 'handshake-refused')
    .with({ stage: 'handshake', code: CommErrorCode.BAD_DATA }, () => 'not-f3')
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
