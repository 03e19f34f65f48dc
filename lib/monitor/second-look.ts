import { match, P } from 'ts-pattern';

import { CommErrorCode } from '../comm-error.js';
import type { Diagnosis } from './diagnosis.js';
import { ProbeError } from './probe.js';

/**
 * What a port does with a connection on which nothing but a TLS handshake is sent: nobody accepts it, no TLS, TLS that
 * stays, or TLS that ends for want of a good certificate.
 */
export type PortFinding = 'closed' | 'open' | 'tls' | 'tls-refused';

/** What was found about a port after a probe of it had failed. */
export interface SecondLook {
  readonly port: PortFinding;
  /** Whether the probe asked for TLS. */
  readonly isTls: boolean;
  /** Whether it had a certificate to show. */
  readonly hasCertificate: boolean;
  /** The scheme of another transport, or level of security, over which the port shakes hands. */
  readonly answersTo?: string | undefined;
}

/** Whether a failed probe alone does not tell the reason: the peer was silent, or closed without a word. */
export function isDoubtful(diagnosis: Diagnosis, error: unknown): boolean {
  if (!(error instanceof ProbeError)) return false;
  const { stage, code, detail } = error;
  return match({ diagnosis, stage, code, detail })
    .with({ diagnosis: P.union('not-tls', 'not-f3') }, () => true)
    .with({ diagnosis: 'timed-out', stage: 'connect' }, () => true)
    .with({ diagnosis: 'no-answer', stage: 'handshake' }, () => true)
    .with({ diagnosis: 'own-certificate-not-trusted', detail: 'certificate-unproven' }, () => true)
    .with({ diagnosis: 'client-certificate-wanted', code: CommErrorCode.CLOSED }, () => true)
    .with({ diagnosis: 'handshake-refused', stage: 'handshake', code: CommErrorCode.CLOSED }, () => true)
    .otherwise(() => false);
}

/** The diagnosis of a doubtful failure, in the light of a second look. */
export function reconsider(
  diagnosis: Diagnosis,
  { port, isTls, hasCertificate, answersTo }: SecondLook,
): Diagnosis {
  return match({ diagnosis, port, isTls, answersTo })
    .returnType<Diagnosis>()
    .with({ isTls: false, port: P.union('tls', 'tls-refused') }, () => 'tls-wanted')
    .with({ isTls: true, port: 'tls-refused' }, () =>
      hasCertificate ? 'own-certificate-not-trusted' : 'client-certificate-wanted',
    )
    .with({ isTls: true, port: 'open', answersTo: P.string }, () => 'not-tls')
    .with({ answersTo: P.string }, () => 'other-transport')
    .with({ port: P.union('open', 'tls'), diagnosis: 'timed-out' }, () => 'no-answer')
    .with(
      { port: 'tls', diagnosis: P.not(P.union('not-f3', 'handshake-refused', 'no-answer')) },
      () => 'not-f3',
    )
    .otherwise(() => diagnosis);
}
