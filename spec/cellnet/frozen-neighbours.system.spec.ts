import { afterEach, expect, it } from 'vitest';

import { Cell } from '../../lib/cellnet/index.js';
import { EndpointState, Mode } from '../../lib/index.js';
import { encodeHead } from '../../lib/wire/frame.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { communicator, startListening, stopAll, untilState } from '../support/communicators.js';
import { hello, RawPeer } from '../support/raw-peer.js';

afterEach(stopAll);

/** A neighbour that has sent 60 MiB for another, of which not all can be passed on, and does nothing any more. */
function freeze(peer: RawPeer, origin: string, destination: string): void {
  peer.socket.pause();
  const headers = {
    cn__msg_type: 'req',
    cn__origin: origin,
    cn__destination: destination,
    cn__route: [[origin, 1]],
  };
  const payload = new Uint8Array(1024 ** 2);
  const head = encodeHead({ type: FrameType.DATA, appId: 1, streamId: 1, headers }, payload.length).slice();
  for (let left = 60; left > 0; left -= 1) peer.send(head, payload);
}

it('two neighbours that freeze while the server waits for each to take what the other sent are noticed', async () => {
  const server = communicator('server', { heartbeatIntervalMs: 100, heartbeatTimeoutMs: 100 });
  server.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
  const cell = new Cell(server);
  const url = await startListening(server);
  using one = await RawPeer.connect(url);
  using two = await RawPeer.connect(url);
  one.send(hello({ endpoint_name: 'one' }));
  two.send(hello({ endpoint_name: 'two' }));
  await Promise.all(['one', 'two'].map((name) => untilState(server, name)));
  const noticed = ['one', 'two'].map((name) => untilState(server, name, EndpointState.DISCONNECTED));
  freeze(one, 'one', 'two');
  freeze(two, 'two', 'one');
  await Promise.all(noticed);
  expect(cell.stats).toMatchObject({ malformed: 0, forged: 0 });
});
