import { distinct, EMPTY, firstValueFrom, map, take, takeWhile, toArray } from 'rxjs';
import { afterEach, expect, it } from 'vitest';

import {
  AppIds,
  type Communicator,
  Endpoint,
  EndpointState,
  Mode,
  textMessage,
  textOf,
} from '../lib/index.js';
import { FrameType, frameType } from '../lib/wire/prefix.js';
import { communicator, startListening, stopAll, untilState } from './support/communicators.js';

afterEach(stopAll);

/** The first types of frames that a connector sees. */
function frameTypes(of: Communicator, handle: string, count: number): Promise<number[]> {
  const frames$ = of.findConnector(handle)?.frames$ ?? EMPTY;
  return firstValueFrom(frames$.pipe(map(frameType), distinct(), take(count), toArray()));
}

it('the whole story: two endpoints meet, talk, part and meet again', async () => {
  // A hub listens. It has a name and properties that others will see.
  const hub = communicator(new Endpoint('hub', { role: 'aggregator' }));
  const handle = hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
  const seenByHub = firstValueFrom(
    hub.lifecycle$.pipe(
      take(7),
      map(({ type }) => type),
      toArray(),
    ),
  );
  const url = await startListening(hub);
  const frames = frameTypes(hub, handle, 4);

  // A site connects. The site begins with HELLO, the hub answers READY, and both ask for a sign of life.
  const site = communicator(new Endpoint('site-1', { samples: 40 }));
  site.addConnector(url, Mode.ACTIVE);
  const received = firstValueFrom(site.messages(AppIds.DEFAULT));
  await site.start();
  expect((await untilState(hub, 'site-1')).properties).toEqual({ samples: 40 });
  expect((await untilState(site, 'hub')).properties).toEqual({ role: 'aggregator' });

  // Each can send now, by name or endpoint; the message knows where it came from.
  expect(hub.send('site-1', AppIds.DEFAULT, textMessage('train', { round: 1 }))).toBe(true);
  const { endpoint, connection, appId, message } = await received;
  expect([endpoint.name, appId, message.headers, textOf(message)]).toEqual(['hub', 1, { round: 1 }, 'train']);
  expect(url).toContain(connection.properties.peer_addr);
  site.send(endpoint, AppIds.DEFAULT, textMessage('trained'));
  expect(new Set(await frames)).toEqual(
    new Set([FrameType.HELLO, FrameType.PING, FrameType.PONG, FrameType.DATA]),
  );

  // The site goes, and the hub hears of it; another site of that name comes, and it is the same endpoint again.
  await site.stop();
  await untilState(hub, 'site-1', EndpointState.DISCONNECTED);
  const again = communicator('site-1');
  again.addConnector(url, Mode.ACTIVE);
  await again.start();
  await Promise.all([untilState(hub, 'site-1'), untilState(again, 'hub')]);
  expect(await seenByHub).toEqual([
    'listening',
    'connected',
    'endpoint',
    'dropped',
    'disconnected',
    'endpoint',
    'connected',
  ]);

  // The hub stops: what it accepted is delivered first.
  const last = firstValueFrom(again.messages(9).pipe(take(1_000), toArray()));
  for (let n = 0; n < 1_000; n += 1) hub.send('site-1', 9, { headers: { n } });
  const states = firstValueFrom(
    again.endpoint('hub').pipe(
      map((known) => known?.state),
      takeWhile((state) => state !== EndpointState.DISCONNECTED, true),
      toArray(),
    ),
  );
  await hub.stop();
  expect((await last).map(({ message: { headers } }) => headers?.n)).toEqual(
    Array.from({ length: 1_000 }, (_, n) => n),
  );
  expect(await states).toEqual([EndpointState.READY, EndpointState.DISCONNECTED]);
});
