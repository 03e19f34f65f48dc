import { firstValueFrom, map, take, toArray } from 'rxjs';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

import { EndpointState, textMessage, textOf } from '../../lib/index.js';
import { stopAll, untilState } from '../support/communicators.js';
import { NatsServer } from '../support/nats-server.js';
import { clusterName, replica, site, type TestCluster } from './cluster-of.js';

let server: NatsServer;
beforeAll(async () => {
  server = await NatsServer.start({ jetStream: true });
});
afterAll(() => server.stop());
afterEach(stopAll);

const APP_ID = 100;

function newCluster(more: Partial<TestCluster> = {}): TestCluster {
  return { server, name: clusterName(), ...more };
}

it('each replica knows all endpoints, and reaches them', async () => {
  const shared = newCluster();
  const [one, two] = await Promise.all([replica(shared), replica(shared)]);
  const first = await site('site-1', one);
  const second = await site('site-2', two);
  const seen = await untilState(two.hub, 'site-1');
  expect(seen.connProps.replica).toBe(one.view.replica);
  await untilState(one.hub, 'site-2');
  const received = firstValueFrom(
    first.messages(APP_ID).pipe(
      take(3),
      map(({ message }) => textOf(message)),
      toArray(),
    ),
  );
  for (const text of ['a', 'b', 'c']) expect(two.hub.send('site-1', APP_ID, textMessage(text))).toBe(true);
  expect(await received).toEqual(['a', 'b', 'c']);
  const back = firstValueFrom(second.messages(APP_ID));
  one.hub.send('site-2', APP_ID, textMessage('back'));
  expect(textOf((await back).message)).toBe('back');
  await first.stop();
  await untilState(two.hub, 'site-1', EndpointState.DISCONNECTED);
});
