import { match, P } from 'ts-pattern';

import { causeCode, CommError, CommErrorCode } from '../comm-error.js';
import { DIAGNOSIS_TEXT, type Diagnosis } from './diagnosis.js';
import { ProbeError, type ProbeStage } from './probe.js';
import { reconsider, type SecondLook } from './second-look.js';

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
  return { diagnosis, text: `${DIAGNOSIS_TEXT[diagnosis]}${answer}`, error: commError };
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
    .with({ cause: 'ERR_TLS_CERT_ALTNAME_INVALID' }, () => 'certificate-of-another')
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
    .with({ stage: 'connect', code: CommErrorCode.TIMEOUT }, () => 'timed-out')
    .with({ code: CommErrorCode.TIMEOUT }, () => 'no-answer')
    .with({ cause: 'ETIMEDOUT' }, () => 'timed-out')
    .with({ stage: P.union('handshake', 'settle'), detail: 'turned-away' }, () => 'handshake-refused')
    .with({ stage: 'handshake', code: CommErrorCode.BAD_DATA }, () => 'not-f3')
    .with({ stage: P.union('handshake', 'settle'), code: CommErrorCode.CLOSED }, () => 'handshake-refused')
    .with({ stage: 'ping', code: CommErrorCode.CLOSED }, () => 'connection-lost')
    .otherwise(() => 'failed');
}
