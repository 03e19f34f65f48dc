import { describe, expect, it } from 'vitest';

import { CommError, CommErrorCode, type CommErrorDetail } from '../../lib/comm-error.js';
import { diagnose } from '../../lib/monitor/diagnose.js';
import type { Diagnosis } from '../../lib/monitor/diagnosis.js';
import { ProbeError, type ProbeStage } from '../../lib/monitor/probe.js';
import { isDoubtful, type SecondLook } from '../../lib/monitor/second-look.js';

const failure = (stage: ProbeStage, code: CommErrorCode, detail?: CommErrorDetail) =>
  new ProbeError(stage, new CommError(code, 'failed', { detail }));

const CLOSED_BY_PEER = failure('connect', CommErrorCode.CLOSED);
const UNPROVEN = failure('connect', CommErrorCode.CLOSED, 'certificate-unproven');
const REFUSED = failure('handshake', CommErrorCode.CLOSED);
const SILENT = failure('connect', CommErrorCode.TIMEOUT);
const MUTE = failure('handshake', CommErrorCode.TIMEOUT);
const NO_TLS = failure('connect', CommErrorCode.CLOSED, 'no-tls');

const look = (found: Partial<SecondLook>): SecondLook => ({
  port: 'open',
  isTls: false,
  hasCertificate: true,
  ...found,
});

const CASES: readonly (readonly [string, ProbeError, Partial<SecondLook>, Diagnosis])[] = [
  ['a clear URL to a TLS port', CLOSED_BY_PEER, { port: 'tls' }, 'tls-wanted'],
  ['a clear URL to a port under mtls', REFUSED, { port: 'tls-refused' }, 'tls-wanted'],
  ['a clear URL to another transport', SILENT, { answersTo: 'tcp' }, 'other-transport'],
  ['a port that takes connections and is silent', SILENT, {}, 'no-answer'],
  ['one that is silent after TLS', SILENT, { isTls: true, port: 'tls' }, 'no-answer'],
  ['one that takes HELLO and is silent', MUTE, {}, 'no-answer'],
  ['a clear URL to a TLS port that waits for its bytes', MUTE, { port: 'tls' }, 'tls-wanted'],
  ['a host that is silent', SILENT, { port: 'closed' }, 'timed-out'],
  ['a clear refusal', REFUSED, {}, 'handshake-refused'],
  ['a TLS URL to a clear port', SILENT, { isTls: true, answersTo: 'grpc' }, 'not-tls'],
  ['a TLS URL to something without TLS', NO_TLS, { isTls: true }, 'not-tls'],
  [
    'a port whose TLS ends with our certificate',
    NO_TLS,
    { isTls: true, port: 'tls-refused' },
    'own-certificate-not-trusted',
  ],
  [
    'a port whose TLS ends without one',
    UNPROVEN,
    { isTls: true, port: 'tls-refused', hasCertificate: false },
    'client-certificate-wanted',
  ],
  ['a port that keeps our certificate', UNPROVEN, { isTls: true, port: 'tls' }, 'not-f3'],
  ['TLS to another transport', UNPROVEN, { isTls: true, port: 'tls', answersTo: 'stcp' }, 'other-transport'],
  ['a refusal of what follows TLS', REFUSED, { isTls: true, port: 'tls' }, 'handshake-refused'],
];

describe('a second look', () => {
  it.each(CASES)('tells %s', (_what, error, found, expected) => {
    expect(isDoubtful(diagnose(error).diagnosis, error)).toBe(true);
    expect(diagnose(error, look(found)).diagnosis).toBe(expected);
  });

  it.each([...CASES.filter(([, , { isTls }]) => isTls !== true)])(
    'never says of a clear URL that there is no TLS: %s',
    (_what, error) => {
      for (const port of ['closed', 'open', 'tls', 'tls-refused'] as const)
        for (const answersTo of [undefined, 'tcp', 'http'])
          expect(diagnose(error, look({ port, answersTo })).diagnosis).not.toBe('not-tls');
    },
  );

  it('never says that a port on which TLS was complete has none', () => {
    for (const [, error] of CASES)
      for (const port of ['tls', 'tls-refused'] as const)
        expect(diagnose(error, look({ isTls: true, port })).diagnosis).not.toBe('not-tls');
  });

  it('names the scheme that the port answers to', () => {
    expect(diagnose(SILENT, look({ answersTo: 'tcp' })).text).toMatch(/; it answers to tcp$/);
  });

  it.each([
    ['what the peer said itself', failure('handshake', CommErrorCode.BAD_CONFIG, 'certificate-refused')],
    ['a refusal by a close code', failure('handshake', CommErrorCode.BAD_DATA, 'turned-away')],
    ['what happens after READY', failure('ping', CommErrorCode.CLOSED)],
    ['any other error', new Error('no probe')],
  ])('is not needed for %s', (_what, error) => {
    expect(isDoubtful(diagnose(error).diagnosis, error)).toBe(false);
  });
});
