import { readFileSync } from 'node:fs';

import { NEVER, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { CommError, CommErrorCode } from '../../lib/comm-error.js';
import { fromNodeError } from '../../lib/drivers/node/node-errors.js';
import { diagnose } from '../../lib/monitor/diagnose.js';
import type { Diagnosis } from '../../lib/monitor/diagnosis.js';
import { ProbeError } from '../../lib/monitor/probe.js';
import { FrameSplitter } from '../../lib/wire/frame-splitter.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { frameOf } from '../support/bytes.js';
import { Probing } from './probing.js';

const ping = frameOf({ type: FrameType.PING, appId: 0, streamId: 1 }, Uint8Array.of(0xc0));

/** An error of the system or of OpenSSL, as a driver passes it on. */
function nodeError(code: string): CommError {
  return fromNodeError(Object.assign(new Error(`connect ${code}`), { code }), 'tcp://hub:8002');
}

/** A failed write under TLS, which has OpenSSL's reason in its message only. */
function failedWrite(reason: string): CommError {
  const message = `write EPROTO 80CBE1:error:0A000418:SSL routines:ssl3_read_bytes:${reason}:../rec_layer_s3.c:1601:\n`;
  return fromNodeError(Object.assign(new Error(message), { code: 'EPROTO' }), 'https://hub:8002');
}

/** What Node makes of an attempt at several addresses. */
function everyAddress(code: string): CommError {
  const error = Object.assign(new Error(`connect ${code} ::1:8002`), { code });
  return fromNodeError(Object.assign(new AggregateError([error, error], ''), { code }), 'tcp://hub:8002');
}

const connecting = (error: Error) =>
  new Probing(
    {},
    throwError(() => error),
  ).error;
const shakingHands = (error?: CommError) => new Probing().end(error).error;

/** What the splitter of tcp and shared-file throws where a stream ends too early. */
function truncated(): CommError {
  const splitter = new FrameSplitter();
  splitter.push(Uint8Array.of(0, 0, 0, 50));
  splitter.shift(1_000);
  try {
    splitter.finish();
  } catch (error) {
    return CommError.within(error, 'CN00001 127.0.0.1:8002');
  }
  throw new Error('the end of a stream in the middle of a frame is an error');
}

/** A peer that shows the certificate of another endpoint. */
function otherCertificate(): unknown {
  const params = { scheme: 'fake', host: 'hub', secure: true, connection_security: 'mtls' } as const;
  const probing = new Probing({ params });
  Object.assign(probing.connection.properties, { peer_cn: 'site-2' });
  return probing.ready().error;
}

function wrongFrame(): unknown {
  const probing = new Probing();
  probing.connection.deliver(ping);
  return probing.error;
}

/** By the failed probe alone; the others take a second look. */
type FirstDiagnosis = Exclude<Diagnosis, 'tls-wanted' | 'other-transport'>;

const ROWS: Readonly<Record<FirstDiagnosis, Readonly<Record<string, () => unknown>>>> = {
  'bad-request': {
    'a missing certificate file': () => connecting(nodeError('ENOENT')),
    'a parameter that cannot be': () => connecting(new CommError(CommErrorCode.BAD_CONFIG, 'no ca_cert')),
    'a driver without that transport': () =>
      connecting(new CommError(CommErrorCode.NOT_SUPPORTED, 'no driver')),
  },
  'name-not-resolved': {
    'no such name': () => connecting(nodeError('ENOTFOUND')),
    'no DNS': () => connecting(nodeError('EAI_AGAIN')),
  },
  refused: {
    'a port without a listener': () => connecting(nodeError('ECONNREFUSED')),
    'several addresses without one': () => connecting(everyAddress('ECONNREFUSED')),
    'with more context': () => connecting(CommError.within(nodeError('ECONNREFUSED'), 'CH00001')),
  },
  unreachable: {
    'no route to the host': () => connecting(nodeError('EHOSTUNREACH')),
    'no route to the network': () => connecting(everyAddress('ENETUNREACH')),
  },
  'timed-out': {
    'the time of the system': () => connecting(nodeError('ETIMEDOUT')),
    'our own time to connect': () => new Probing({}, NEVER).until(5_000).error,
  },
  'no-answer': {
    'no PONG': () => new Probing().ready().until(5_000).error,
    'a peer that hangs': () => new Probing().until(5_000).error,
  },
  'certificate-not-trusted': {
    'another CA': () => connecting(nodeError('SELF_SIGNED_CERT_IN_CHAIN')),
    'no CA': () => connecting(nodeError('DEPTH_ZERO_SELF_SIGNED_CERT')),
    'an unknown issuer': () => connecting(nodeError('UNABLE_TO_VERIFY_LEAF_SIGNATURE')),
  },
  'certificate-expired': {
    'an expired one': () => connecting(nodeError('CERT_HAS_EXPIRED')),
    'one of tomorrow': () => connecting(nodeError('CERT_NOT_YET_VALID')),
  },
  'certificate-of-another': { 'the certificate of another endpoint': otherCertificate },
  'client-certificate-wanted': {
    'TLS 1.3': () => shakingHands(nodeError('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')),
    'TLS 1.2': () => connecting(nodeError('ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE')),
    'TLS 1.2 of a later Node': () => connecting(nodeError('ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE')),
    'an end without a word': () =>
      connecting(new CommError(CommErrorCode.CLOSED, 'ended', { detail: 'certificate-wanted' })),
  },
  'own-certificate-not-trusted': {
    'another CA': () => shakingHands(nodeError('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA')),
    'a bad one': () => shakingHands(nodeError('ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE')),
    'an expired one': () => shakingHands(nodeError('ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED')),
    'a signature that does not fit': () => shakingHands(nodeError('ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR')),
    'an alert that a write met': () => shakingHands(failedWrite('tlsv1 alert unknown ca')),
    'an end without a word after our certificate': () =>
      connecting(new CommError(CommErrorCode.CLOSED, 'ended', { detail: 'certificate-unproven' })),
  },
  'not-tls': {
    'other bytes': () => connecting(nodeError('ERR_SSL_WRONG_VERSION_NUMBER')),
    'bytes that look like a long record': () => connecting(nodeError('ERR_SSL_PACKET_LENGTH_TOO_LONG')),
    HTTP: () => connecting(nodeError('ERR_SSL_HTTP_REQUEST')),
    'other bytes that a write met': () => connecting(failedWrite('wrong version number')),
    'a peer that closes on our hello': () =>
      connecting(new CommError(CommErrorCode.CLOSED, 'ended', { detail: 'no-tls' })),
  },
  'not-f3': {
    'a peer that closes on our request': () => connecting(nodeError('ECONNRESET')),
    'no HTTP': () => connecting(new CommError(CommErrorCode.BAD_DATA, 'bad handshake')),
    'a web server without F3': () =>
      connecting(new CommError(CommErrorCode.BAD_CONFIG, 'got 200', { detail: 'other-protocol' })),
    'TLS with another protocol': () => connecting(nodeError('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL')),
    'a frame that does not come first': wrongFrame,
    'an end in the middle of a frame': () => shakingHands(truncated()),
  },
  'handshake-refused': {
    'a peer that closes': () => shakingHands(),
    'a peer that resets': () => shakingHands(nodeError('ECONNRESET')),
    'a peer that closes before it answers': () => new Probing({}, undefined, true).ready().end().error,
    'a close code or status that names a fault': () =>
      shakingHands(new CommError(CommErrorCode.BAD_DATA, 'refused', { detail: 'turned-away' })),
    'an end without a word after our certificate and HELLO': () =>
      shakingHands(new CommError(CommErrorCode.CLOSED, 'ended', { detail: 'certificate-unproven' })),
  },
  'own-name': { 'our own name at the other end': () => new Probing().ready('site-1').error },
  'connection-lost': {
    'a peer that closes after a while': () => new Probing().ready().pong().end().error,
    'a peer that resets after a while': () => new Probing().ready().pong().end(nodeError('ECONNRESET')).error,
  },
  failed: {
    'no more files': () => connecting(nodeError('EMFILE')),
    'no error of ours': () => new TypeError('no'),
    'no error at all': () => undefined,
  },
};

const CASES = Object.entries(ROWS).flatMap(([diagnosis, rows]) =>
  Object.entries(rows).map(([what, make]) => ({ diagnosis, what, make })),
);

/** The same failure in other words of ours. What the system and OpenSSL say stays. */
function reworded(error: unknown): unknown {
  if (!(error instanceof ProbeError)) return error;
  const { stage, code, detail, cause } = error;
  return new ProbeError(stage, new CommError(code, 'in other words', { detail, cause }));
}

describe('diagnose', () => {
  it.each(CASES)('$diagnosis: $what', ({ diagnosis, make }) => {
    expect(diagnose(make())).toMatchObject({ diagnosis, text: expect.stringMatching(/./) as unknown });
  });

  it.each(CASES)('$diagnosis by codes and details, not by our words: $what', ({ diagnosis, make }) => {
    expect(diagnose(reworded(make())).diagnosis).toBe(diagnosis);
  });

  it('has what to do about each in the guide for operators', () => {
    const guide = readFileSync(new URL('../../docs/operators.md', import.meta.url), 'utf8');
    const listed = [...guide.matchAll(/^\| `([a-z][a-z0-9-]+)` /gm)].map(([, diagnosis]) => diagnosis);
    expect(listed.sort()).toEqual([...Object.keys(ROWS), 'tls-wanted', 'other-transport'].sort());
  });

  it('gives each diagnosis words of its own', () => {
    const texts = CASES.map(({ diagnosis, make }) => [diagnosis, diagnose(make()).text] as const);
    expect(new Set(new Map(texts).values()).size).toBe(Object.keys(ROWS).length);
  });
});
