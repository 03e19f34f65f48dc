import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, describe, expect, it } from 'vitest';

import { testCertificates } from '../support/certificates.js';
import { stopAll } from '../support/communicators.js';
import { RawPeer } from '../support/raw-peer.js';
import { openStage, type Stage } from './stage.js';

const SECURE = ['stcp', 'https', 'grpcs'] as const;

/** A peer gets 10 s for its greeting; the rest is for a busy machine. */
const GREETING_MS = 30_000;

/** Between two bytes of a peer that is slow. */
const DRIP_MS = 500;

/** The start of a greeting that takes its time, by scheme. A record of TLS has 5 bytes before its 512. */
const SLOW: Readonly<Record<string, Uint8Array>> = {
  stcp: Buffer.concat([
    Buffer.from('1603010200', 'hex'),
    Buffer.from('010001fc0303', 'hex'),
    Buffer.alloc(500),
  ]),
  https: Buffer.concat([
    Buffer.from('1603010200', 'hex'),
    Buffer.from('010001fc0303', 'hex'),
    Buffer.alloc(500),
  ]),
  grpcs: Buffer.concat([
    Buffer.from('1603010200', 'hex'),
    Buffer.from('010001fc0303', 'hex'),
    Buffer.alloc(500),
  ]),
  http: Buffer.from(`GET /f3 HTTP/1.1\r\nHost: ${'h'.repeat(500)}`),
  grpc: Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    Buffer.from('000000040000000000', 'hex'),
    Buffer.from('0001000100000000010000', 'hex'),
  ]),
};

afterEach(stopAll);

async function open(scheme: string): Promise<Stage> {
  const { ca, hub } = await testCertificates();
  const pem = {
    ca_cert: ca,
    server_cert: hub.cert,
    server_key: hub.key,
    connection_security: 'tls',
  };
  return openStage(scheme, {}, SECURE.some((each) => each === scheme) ? pem : {});
}

describe('a peer that sends its greeting byte by byte', () => {
  it('has no more time for it than one that sends nothing', async () => {
    const left = new Set(Object.keys(SLOW));
    const slow = Object.entries(SLOW).map(async ([scheme, bytes]) => {
      const stage = await open(scheme);
      using peer = await RawPeer.connect(stage.url);
      await drip(peer, bytes);
      left.delete(scheme);
      await stage.expectUndisturbed();
    });
    await Promise.race([Promise.all(slow), sleep(GREETING_MS, undefined, { ref: false })]);
    expect([...left]).toEqual([]);
  });
});

/** Writes slowly; resolves when the other side has closed. */
async function drip(peer: RawPeer, bytes: Uint8Array): Promise<void> {
  const closed = peer.closed().then(() => true);
  for (const byte of bytes) {
    peer.send(Uint8Array.of(byte));
    if (await Promise.race([closed, sleep(DRIP_MS, false)])) return;
  }
  await closed;
}
