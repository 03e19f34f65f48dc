import { asyncScheduler, firstValueFrom, type SchedulerAction, type SchedulerLike } from 'rxjs';
import { afterEach, expect, it } from 'vitest';

import { Cell } from '../../lib/cellnet/index.js';
import { Mode } from '../../lib/index.js';
import { communicator, startListening, stopAll, untilState } from '../support/communicators.js';
import { hello, RawPeer } from '../support/raw-peer.js';

afterEach(stopAll);

/** A thousand times as fast. */
const hurried: SchedulerLike = {
  now: () => asyncScheduler.now(),
  schedule: <T>(work: (this: SchedulerAction<T>, state?: T) => void, delayMs = 0, state?: T) =>
    asyncScheduler.schedule(work, delayMs / 1_000, state),
};

it('a neighbour that reads nothing cuts nobody off who sends to it', async () => {
  const MiB = 1024 ** 2;
  const server = communicator('server', { maxPendingBytes: MiB, maxQueuedBytes: 4 * MiB });
  server.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
  const hub = new Cell(server, { scheduler: hurried });
  hub.handle('c', 'echo', ({ payload }) => payload);
  const url = await startListening(server);
  using deaf = await RawPeer.connect(url);
  deaf.send(hello({ endpoint_name: 'deaf' }));
  deaf.socket.pause();
  const site = communicator('site-1');
  site.addConnector(url, Mode.ACTIVE);
  const one = new Cell(site);
  await site.start();
  await Promise.all([untilState(server, 'deaf'), untilState(site, 'server')]);
  for (let left = 40; left > 0; left -= 1) one.fire('deaf', 'c', 't', new Uint8Array(MiB));
  const [reply] = await Promise.all([
    firstValueFrom(one.request('server', 'c', 'echo', 'here')),
    expect(
      firstValueFrom(one.request('deaf', 'c', 't', new Uint8Array(MiB), { stream: false })),
    ).rejects.toMatchObject({ returnCode: 'comm_error', reason: 'cannot forward' }),
  ]);
  expect([reply.payload, hub.stats.unroutable > 1]).toEqual(['here', true]);
});
