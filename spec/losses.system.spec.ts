import { afterEach, describe, expect, it } from 'vitest';

import { CommError, CommErrorCode, type Communicator, Mode } from '../lib/index.js';
import { communicator, nextEvent, startListening, stopAll, untilState } from './support/communicators.js';
import { hello, RawPeer } from './support/raw-peer.js';

afterEach(stopAll);

const MEGABYTE = 1_000_000;

/** A hub with a peer that has said hello and reads nothing more. */
async function withDeafPeer(): Promise<{ hub: Communicator; peer: RawPeer }> {
  const hub = communicator('hub', { settleTimeoutMs: 0 });
  hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
  const peer = await RawPeer.connect(await startListening(hub));
  peer.socket.pause();
  peer.send(hello({ endpoint_name: 'deaf' }));
  await untilState(hub, 'deaf');
  return { hub, peer };
}

function cut(hub: Communicator): void {
  const { handle } = hub.stats().connections[0] ?? { handle: '' };
  const error = new CommError(CommErrorCode.CLOSED, 'cut');
  hub.findConnector(handle)?.connections$.subscribe((connection) => void connection.close(error));
}

describe('what is lost with a connection', () => {
  it('is told as undelivered where it did not go out, and as unknown where it may have', async () => {
    const { hub, peer } = await withDeafPeer();
    using _ = peer;
    for (let sent = 0; sent < 40; sent += 1) {
      hub.send('deaf', 1, { payload: new Uint8Array(MEGABYTE) });
      await new Promise(setImmediate); // The system takes what it can.
    }
    const { queued } = hub.stats().endpoints[0] ?? { queued: { messages: 0, bytes: 0 } };
    const dropped = nextEvent(hub, 'dropped');
    cut(hub);
    const loss = await dropped;
    if (loss.reason !== 'disconnected') throw new Error('expected a loss');
    expect(loss.undelivered.messages).toBeGreaterThan(10);
    expect(loss.undelivered.messages + loss.unknown.messages).toBe(queued.messages);
    expect(loss.unknown.messages).toBeLessThanOrEqual(2);
  });
});
