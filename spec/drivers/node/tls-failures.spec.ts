import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { readFileSync } from 'node:fs';

import { afterEach, describe, expect, it } from 'vitest';

import { Endpoint, Mode } from '../../../lib/index.js';
import { testCertificates } from '../../support/certificates.js';
import { communicator, nextEvent, startListening, stopAll } from '../../support/communicators.js';

afterEach(stopAll);

const { ca, strangerCa, hub, site1, stranger, expired } = await testCertificates();
const pair = ({ cert, key }: { cert: string; key: string }) => ({
  cert: readFileSync(cert),
  key: readFileSync(key),
});
const trust = { ca: readFileSync(ca) };

/** What a peer does that fails in the handshake, and what the hub says. */
const FAILURES: readonly (readonly [string, ConnectionOptions | string, string])[] = [
  ['shows no certificate', trust, 'the peer showed no certificate'],
  ['has a certificate of another CA', { ...trust, ...pair(stranger) }, 'comes from another CA'],
  ['has a certificate that has expired', { ...trust, ...pair(expired) }, 'has expired'],
  [
    'does not trust the hub',
    { ca: readFileSync(strangerCa), ...pair(site1) },
    'closed the connection; perhaps it does not trust our certificate',
  ],
  ['speaks HTTP in the clear', 'GET / HTTP/1.1\r\n\r\n', 'does not speak TLS'],
  ['speaks F3 in the clear', '\0'.repeat(40), 'does not speak TLS'],
];

describe.each(['stcp', 'https', 'grpcs'])('a listener on %s', (scheme) => {
  it.each(FAILURES)('reports a peer that %s', async (_, peer, reason) => {
    const tls = { ca_cert: ca, server_cert: hub.cert, server_key: hub.key };
    const server = communicator(new Endpoint('hub', {}, tls));
    server.addConnector(`${scheme}://127.0.0.1:0`, Mode.PASSIVE);
    const { port } = new URL(await startListening(server));
    const failed = nextEvent(server, 'handshake-failed');
    const socket = open(Number(port), peer);
    socket.on('error', () => undefined).resume();
    const { peerAddr, error, connections } = await failed;
    socket.destroy();
    expect(peerAddr).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(error.message).toMatch(
      new RegExp(
        `^${scheme}://127\\.0\\.0\\.1:${port}: a TLS handshake with ${peerAddr} failed: .*${reason}`,
      ),
    );
    expect(error.message).not.toMatch(/routines|\n/);
    expect(connections).toBe(1);
  });
});

function open(port: number, peer: ConnectionOptions | string): Socket {
  const address = { port, host: '127.0.0.1' };
  if (typeof peer !== 'string')
    return connectTls({
      ...address,
      ...peer,
      ALPNProtocols: ['h2', 'http/1.1'],
      checkServerIdentity: () => undefined,
    });
  const socket = connectTcp(address);
  socket.write(peer);
  return socket;
}
