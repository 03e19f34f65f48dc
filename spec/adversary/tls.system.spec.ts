import { once } from 'node:events';
import { connect } from 'node:tls';

import { afterEach, describe, it } from 'vitest';

import { untilClosed } from '../../lib/drivers/node/until-closed.js';
import { testCertificates } from '../support/certificates.js';
import { stopAll } from '../support/communicators.js';
import { RawPeer } from '../support/raw-peer.js';
import { openStage, type Stage } from './stage.js';

const SECURE = ['stcp', 'https', 'grpcs'] as const;

/** The start of a first record, of 512 bytes. */
const START = Buffer.concat([Buffer.from('1603010200010001fc0303', 'hex'), Buffer.alloc(500)]);

afterEach(stopAll);

async function open(scheme: string): Promise<Stage> {
  const { ca, hub } = await testCertificates();
  const pem = { ca_cert: ca, server_cert: hub.cert, server_key: hub.key, connection_security: 'tls' };
  return openStage(scheme, {}, pem);
}

function tlsTo({ url }: Stage) {
  const { hostname: host, port } = new URL(url);
  const socket = connect({
    host,
    port: Number(port),
    rejectUnauthorized: false,
    maxVersion: 'TLSv1.2',
    ALPNProtocols: ['h2', 'http/1.1'],
  });
  return socket.on('error', () => undefined).resume();
}

describe.each(SECURE)('a TLS peer on %s', (scheme) => {
  it('that negotiates again and again is closed, alone', async () => {
    const stage = await open(scheme);
    const socket = tlsTo(stage);
    const closed = untilClosed(socket);
    await once(socket, 'secureConnect');
    // Node allows three in ten minutes.
    for (let n = 0; n < 10 && !socket.destroyed; n += 1)
      await Promise.race([
        closed,
        new Promise((resolve) => socket.renegotiate({ rejectUnauthorized: false }, resolve)),
      ]);
    await closed;
    await stage.expectUndisturbed();
  });

  it('that resets its socket in the middle of the handshake loses it, and nothing else', async () => {
    const stage = await open(scheme);
    for (const bytes of [0, 3, 5, 11, 200]) {
      const { socket } = await RawPeer.connect(stage.url);
      const closed = untilClosed(socket);
      socket.write(START.subarray(0, bytes), () => socket.resetAndDestroy());
      await closed;
    }
    await stage.expectUndisturbed();
  });
});
