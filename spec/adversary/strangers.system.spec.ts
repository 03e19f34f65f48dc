import { once } from 'node:events';

import { describe, expect, it } from 'vitest';

import { upgradeRequest } from '../drivers/websocket/raw-client.js';
import { RawPeer } from '../support/raw-peer.js';
import { HubProcess } from './hub-process.js';
import { wsFrame } from './raw-line.js';

const STRANGERS = 50;
const KIB = 1024;

/** As many fragments of one byte as fit in what a stranger may send. */
const fragments = Buffer.concat([
  wsFrame(0x2, Uint8Array.of(0), 0),
  ...Array.from({ length: 18_000 }, () => wsFrame(0x0, Uint8Array.of(0), 0)),
]);

describe('strangers', () => {
  it('that send a WebSocket message in fragments of one byte take little memory each, or are refused', async () => {
    await using hub = await HubProcess.start({
      url: 'http://127.0.0.1:0',
      options: { handshakeTimeoutMs: 60_000 },
    });
    let answered = 0;
    const peers = await Promise.all(
      Array.from({ length: STRANGERS }, async () => {
        const peer = await RawPeer.connect(hub.url);
        peer.send(Buffer.from(upgradeRequest('/f3')));
        await once(peer.socket, 'data');
        // A ping behind them is answered when they have been read.
        void Promise.race([once(peer.socket, 'data').catch(() => undefined), peer.closed()]).then(
          () => (answered += 1),
        );
        peer.send(fragments, wsFrame(0x9));
        return peer;
      }),
    );
    const { heapBytes } = await hub.until(() => answered === STRANGERS);
    expect((heapBytes - hub.first.heapBytes) / STRANGERS / KIB).toBeLessThan(500);
    for (const peer of peers) peer[Symbol.dispose]();
  });
});
