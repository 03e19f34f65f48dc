import { Kvm } from '@nats-io/kv';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { filter, firstValueFrom } from 'rxjs';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import { type LifecycleEvent, textMessage, textOf } from '../../lib/index.js';
import { encodeMap } from '../../lib/wire/map-codec.js';
import { stopAll, untilState } from '../support/communicators.js';
import { NatsServer } from '../support/nats-server.js';
import { seededRandom } from '../support/random.js';
import { clusterName, replica, site, type TestReplica } from './cluster-of.js';

let server: NatsServer;
let name: string;
let one: TestReplica;
let two: TestReplica;
let stranger: NatsConnection;

beforeAll(async () => {
  server = await NatsServer.start({ jetStream: true });
});
afterAll(() => server.stop());

beforeEach(async () => {
  name = clusterName();
  [one, two] = await Promise.all([replica({ server, name }), replica({ server, name })]);
  stranger = await connect({ servers: server.address });
});
afterEach(async () => {
  await stopAll();
  await stranger.close();
});

/** Both replicas still do what they are there for. */
async function expectUndisturbed(): Promise<void> {
  const first = await site('site-1', one);
  await untilState(two.hub, 'site-1');
  const received = firstValueFrom(first.messages(100));
  two.hub.send('site-1', 100, textMessage('hello'));
  expect(textOf((await received).message)).toBe('hello');
}

it('garbage on every subject is counted, and disturbs nothing', async () => {
  const random = seededRandom(3);
  const id = one.view.replica ?? '';
  const subjects = [
    `rxflare.${name}.beat`,
    `rxflare.${name}.release.${id}`,
    `rxflare.${name}.data.${id}.${two.view.replica ?? ''}`,
    `rxflare.${name}.data.${id}.nobody`,
  ];
  for (const subject of subjects) {
    for (let n = 0; n < 50; n += 1)
      stranger.publish(
        subject,
        Uint8Array.from({ length: Math.floor(random() * 60) }, () => random() * 256),
      );
  }
  for (const replica of ['', 'a.b', 'x'.repeat(1_000), 7])
    stranger.publish(subjects[0] ?? '', encodeMap({ replica }).slice());
  await stranger.flush();
  await expect.poll(() => one.view.rejected).toBeGreaterThanOrEqual(150);
  expect(one.view.replicas).toEqual([two.view.replica]);
  await expectUndisturbed();
});

it('beats with forged hops are counted and forgotten; one of the first version, which has none, is understood', async () => {
  const beat = (map: Parameters<typeof encodeMap>[0]) =>
    stranger.publish(`rxflare.${name}.beat`, encodeMap(map).slice());
  for (const hops of ['', [1], [['a', -1, 1]], Array.from({ length: 1_000 }, () => ['a', 1, 1])])
    beat({ replica: 'forged', isLeaving: false, hops });
  beat({ replica: 'forged', isLeaving: false, padding: 'x'.repeat(60_000) });
  beat({ replica: 'old', isLeaving: false });
  await stranger.flush();
  await expect.poll(() => one.view.rejected).toBe(5);
  await expect.poll(() => one.view.replicas).toEqual([two.view.replica, 'old'].sort());
  expect(one.view.stats()?.replicas.find(({ id }) => id === 'old')).toMatchObject({
    endpoints: 0,
    sentTo: [],
  });
  beat({ replica: 'old', isLeaving: true });
  await expect.poll(() => one.view.replicas).toEqual([two.view.replica]);
  await expectUndisturbed();
});

it('a bucket that somebody deletes is made anew, with all endpoints, and costs no connection', async () => {
  await stopAll();
  const shared = { server, name, cluster: { replicaTimeoutMs: 1_000 } };
  [one, two] = await Promise.all([replica(shared), replica(shared)]);
  await site('site-1', one);
  await untilState(two.hub, 'site-1');
  const ended: LifecycleEvent[] = [];
  one.hub.lifecycle$
    .pipe(filter(({ type }) => type === 'disconnected'))
    .subscribe((event) => ended.push(event));
  await (await new Kvm(stranger).open(`rxflare_${name}`)).destroy();
  const kept = async (): Promise<unknown> =>
    (await (await new Kvm(stranger).open(`rxflare_${name}`)).get('e.site-1'))?.operation;
  await expect.poll(() => kept().catch(() => undefined)).toBe('PUT');
  await site('site-2', two);
  await untilState(one.hub, 'site-2');
  await untilState(two.hub, 'site-1');
  expect(ended).toEqual([]);
});

it('garbage in the bucket is counted, and disturbs nothing', async () => {
  const bucket = await new Kvm(stranger).open(`rxflare_${name}`);
  const entryOf = (place: Record<string, unknown>): Uint8Array => {
    const head = encodeMap({ connection: {}, ...place }).slice();
    return Buffer.concat([Buffer.of(0, 0, 0, head.length), head, encodeMap({})]);
  };
  const garbage: (readonly [string, string | Uint8Array])[] = [
    ['e.bad', 'no entry'],
    ['e.worse', new Uint8Array(1_000).fill(0xff)],
    ['strange', ''],
    ['r.a.b', ''],
    ['e.forged', entryOf({ replica: 'a b', generation: 1 })],
    ['e.forged', entryOf({ replica: 'a', generation: 1.5 })],
    ['e.forged', entryOf({ replica: 'a', generation: -1 })],
    ['e.server', entryOf({ replica: two.view.replica ?? '', generation: 1 })],
  ];
  for (const [index, [key, value]] of garbage.entries()) {
    await bucket.put(key, value);
    // One by one: of several under one key, whoever is slower to read gets the last one only.
    await expect.poll(() => [one.view.rejected, two.view.rejected]).toEqual([index + 1, index + 1]);
  }
  expect(one.hub.findEndpoint('server')).toBeUndefined();
  expect(one.view.replicas).toEqual([two.view.replica]);
  expect(one.hub.findEndpoint('bad')).toBeUndefined();
  await expectUndisturbed();
  // A site of that name takes it.
  await site('bad', one);
  await untilState(two.hub, 'bad');
});
