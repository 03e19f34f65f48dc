import { firstValueFrom, race, timer } from 'rxjs';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

import { type Communicator, EndpointState, Mode } from '../../lib/index.js';
import { communicator, stopAll, untilState } from '../support/communicators.js';
import { NatsServer } from '../support/nats-server.js';
import { clusterName, replica, site } from './cluster-of.js';
import { ReplicaProcess } from './replica-process.js';

let server: NatsServer;
beforeAll(async () => {
  server = await NatsServer.start({ jetStream: true });
});
afterAll(() => server.stop());
afterEach(stopAll);

const APP_ID = 100;
const { READY, DISCONNECTED } = EndpointState;
const once = { reconnectDelayMs: 60_000, maxReconnectDelayMs: 60_000 };
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** Sends numbers to an endpoint, as fast as it takes them, and knows what became of them. */
class Load {
  readonly #by: string;
  readonly #hub: Communicator;
  readonly #to: string;
  /** What arrived, by connection. */
  readonly #arrived: number[][] = [];
  readonly #sending: Promise<void>;
  #isSending = true;
  #sent = 0;
  #lost = 0;

  constructor(by: string, hub: Communicator, to: string) {
    this.#by = by;
    this.#hub = hub;
    this.#to = to;
    hub.lifecycle$.subscribe((event) => {
      if (event.type === 'dropped' && event.reason === 'disconnected')
        this.#lost += event.undelivered.messages + event.unknown.messages;
    });
    this.#sending = this.#run();
  }

  /** Takes what arrives at a site on its one connection. */
  listenAt(of: Communicator): void {
    const here: number[] = [];
    this.#arrived.push(here);
    of.messages(APP_ID).subscribe(({ message: { headers } }) => {
      if (headers?.by === this.#by) here.push(headers.n as number);
    });
  }

  get got(): readonly number[] {
    return this.#arrived.flat();
  }

  get sent(): number {
    return this.#sent;
  }

  get lost(): number {
    return this.#lost;
  }

  /** Resolves when some more messages have arrived. */
  async goesOn(): Promise<void> {
    const before = this.got.length;
    await expect.poll(() => this.got.length).toBeGreaterThan(before + 20);
  }

  /** Sends no more, and checks that each message arrived once, in order on each connection, or was told as lost. */
  async settle(): Promise<void> {
    this.#isSending = false;
    await this.#sending;
    await expect.poll(() => this.got.length + this.#lost).toBeGreaterThanOrEqual(this.#sent);
    for (const here of this.#arrived) expect(here).toEqual([...here].sort((one, two) => one - two));
    expect(new Set(this.got).size).toBe(this.got.length);
  }

  async #run(): Promise<void> {
    while (this.#isSending) {
      await firstValueFrom(timer(1));
      if (this.#hub.findEndpoint(this.#to)?.state !== READY) continue;
      const message = { headers: { by: this.#by, n: this.#sent }, payload: new Uint8Array(500) };
      this.#sent += 1;
      if (!this.#hub.send(this.#to, APP_ID, message))
        await firstValueFrom(race(this.#hub.drained(this.#to), timer(50))).catch(() => undefined);
    }
  }
}

it('a replica that is frozen again and again, shortly and for long, costs no order, and what is lost is told', async () => {
  const name = clusterName();
  const one = await replica({ server, name, cluster: { replicaTimeoutMs: 1_000 } });
  await using frozen = await ReplicaProcess.start({
    server: server.address,
    name,
    replicaTimeoutMs: 1_000,
    options: { heartbeatTimeoutMs: 20_000 },
  });
  const first = communicator('site-1', once);
  first.addConnector(frozen.first.url, Mode.ACTIVE);
  await first.start();
  await untilState(one.hub, 'site-1');
  const load = new Load('one', one.hub, 'site-1');
  load.listenAt(first);
  for (const state of [READY, DISCONNECTED, READY, DISCONNECTED]) {
    await load.goesOn();
    frozen.signal('SIGSTOP');
    const sent = load.sent;
    const isMissed = (): boolean => one.hub.findEndpoint('site-1')?.state === DISCONNECTED;
    // On a busy machine a short freeze may become a long one.
    if (state === READY) await expect.poll(() => load.sent > sent + 20 || isMissed()).toBe(true);
    else await untilState(one.hub, 'site-1', DISCONNECTED);
    frozen.signal('SIGCONT');
    await untilState(one.hub, 'site-1');
  }
  await load.goesOn();
  await load.settle();
});

it('NATS that goes and comes again and again costs no message', async () => {
  const own = await NatsServer.start({ jetStream: true });
  try {
    const shared = { server: own, name: clusterName(), cluster: { replicaTimeoutMs: 30_000 } };
    const [one, two] = await Promise.all([replica(shared), replica(shared)]);
    const [first, second] = await Promise.all([site('site-1', one), site('site-2', two)]);
    await Promise.all([untilState(one.hub, 'site-2'), untilState(two.hub, 'site-1')]);
    const loads = [new Load('one', one.hub, 'site-2'), new Load('two', two.hub, 'site-1')];
    loads[0]?.listenAt(second);
    loads[1]?.listenAt(first);
    for (const _ of upTo(4)) {
      await Promise.all(loads.map((load) => load.goesOn()));
      await own.kill();
      await expect.poll(() => [one.view.isConnected, two.view.isConnected]).toEqual([false, false]);
      await own.startAgain();
      await expect.poll(() => [one.view.isConnected, two.view.isConnected]).toEqual([true, true]);
    }
    await Promise.all(loads.map((load) => load.goesOn()));
    await Promise.all(loads.map((load) => load.settle()));
    for (const load of loads) expect([load.got, load.lost]).toEqual([upTo(load.sent), 0]);
  } finally {
    await stopAll();
    await own.stop();
  }
});

it('two that send at two replicas keep their order to an endpoint that moves between three', async () => {
  const shared = { server, name: clusterName() };
  const all = await Promise.all([replica(shared), replica(shared), replica(shared)]);
  const [one, two] = all;
  let current = await site('mover', one, once);
  await untilState(two.hub, 'mover');
  const loads = [new Load('one', one.hub, 'mover'), new Load('two', two.hub, 'mover')];
  for (const load of loads) load.listenAt(current);
  for (const move of upTo(4)) {
    await Promise.all(loads.map((load) => load.goesOn()));
    const next = communicator('mover', once);
    for (const load of loads) load.listenAt(next);
    next.addConnector(all[(move + 1) % 3]?.url ?? '', Mode.ACTIVE);
    await next.start();
    // What the older one has not read when it stops, nobody hears of.
    await Promise.all([untilState(next, 'server'), untilState(current, 'server', DISCONNECTED)]);
    await current.stop();
    current = next;
  }
  await Promise.all(loads.map((load) => load.settle()));
  for (const load of loads) expect(load.got.length).toBeGreaterThan(0);
});
