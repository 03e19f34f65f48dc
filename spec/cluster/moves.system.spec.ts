import { connect } from '@nats-io/transport-node';
import { firstValueFrom, merge, race, timer } from 'rxjs';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

import { type Communicator, type Connection, EndpointState, Mode } from '../../lib/index.js';
import { communicator, stopAll, untilState } from '../support/communicators.js';
import { NatsServer } from '../support/nats-server.js';
import { clusterName, replica, site } from './cluster-of.js';
import { ReplicaProcess } from './replica-process.js';
import { waitingAt } from './waiting-at.js';

let server: NatsServer;
beforeAll(async () => {
  server = await NatsServer.start({ jetStream: true });
});
afterAll(() => server.stop());
afterEach(stopAll);

const APP_ID = 100;
/** Of what fills connections, so that the messages of `APP_ID` wait behind it. */
const FILLING = 101;
const NAME = 'mover';
const options = { highWaterMarkBytes: 64 * 1024 };
const payload = new Uint8Array(20_000);
const once = { reconnectDelayMs: 60_000, maxReconnectDelayMs: 60_000 };
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** Sends numbers to the endpoint, and counts what is told as lost. */
class Sender {
  sent = 0;
  lost = 0;
  readonly #hub: Communicator;

  constructor(hub: Communicator) {
    this.#hub = hub;
    hub.lifecycle$.subscribe((event) => {
      if (event.type === 'dropped' && event.reason === 'disconnected')
        this.lost += event.undelivered.messages + event.unknown.messages;
    });
  }

  send(count: number): void {
    for (const _ of upTo(count)) {
      this.#hub.send(NAME, APP_ID, { headers: { n: this.sent } });
      this.sent += 1;
    }
  }

  get queued(): number | undefined {
    return this.#hub.stats().endpoints.find(({ name }) => name === NAME)?.queued.messages;
  }
}

/** The endpoint, which reads nothing more after a message, until `resume`. */
class Mover {
  readonly got: number[] = [];
  readonly site: Communicator;
  #isSlow = true;
  #connection: Connection | undefined;

  private constructor(made: Communicator) {
    this.site = made;
    merge(made.messages(FILLING), made.messages(APP_ID)).subscribe(({ appId, message, connection }) => {
      if (appId === APP_ID) this.got.push(message.headers?.n as number);
      this.#connection = connection;
      if (this.#isSlow) connection.pause();
    });
  }

  /** Connects it to a replica; resolves when another one sees it there. */
  static async at(url: string, id: string | undefined, seenBy: Communicator): Promise<Mover> {
    const mover = new Mover(communicator(NAME, once));
    mover.site.addConnector(url, Mode.ACTIVE);
    await mover.site.start();
    await expect.poll(() => seenBy.findEndpoint(NAME)?.connProps.replica).toBe(id);
    return mover;
  }

  get isReading(): boolean {
    return this.#connection?.isPaused !== true;
  }

  /** After the next message. */
  pause(): void {
    this.#isSlow = true;
  }

  resume(): void {
    this.#isSlow = false;
    this.#connection?.resume();
  }
}

/** Sends to the endpoint until it reads no more, and messages wait for its connection, and not for a moment only. */
async function fill(mover: Mover, by: Communicator, waiting: () => Promise<number> | number): Promise<void> {
  let before = 0;
  for (let now = await waiting(); mover.isReading || now === 0 || now !== before; now = await waiting()) {
    before = now;
    if (now > 0) await firstValueFrom(timer(50));
    else if (!by.send(NAME, FILLING, { payload })) await firstValueFrom(race(by.drained(NAME), timer(50)));
  }
}

it('what waits for an endpoint that moves goes out on each new connection first, in order, and nothing is lost', async () => {
  const shared = { server, name: clusterName(), options };
  const [one, two, three] = await Promise.all([replica(shared), replica(shared), replica(shared)]);
  const sender = new Sender(three.hub);
  // Newer messages are sent as early as can be.
  three.hub.registerMonitor(({ state }) => {
    if (state === EndpointState.READY) sender.send(10);
  });
  let here = await Mover.at(one.url, one.view.replica, three.hub);
  let got: number[] = [];
  for (const [from, to] of [
    [one, two],
    [two, one],
    [one, two],
  ] as const) {
    await fill(here, from.hub, () => waitingAt(from.hub));
    sender.send(10);
    const next = await Mover.at(to.url, to.view.replica, three.hub);
    here.resume();
    await here.site.stop();
    next.resume();
    await expect.poll(() => next.got.at(-1)).toBe(sender.sent - 1);
    next.pause();
    got = [...got, ...here.got];
    here = next;
  }
  expect([...got, ...here.got]).toEqual(upTo(sender.sent));
  expect([sender.lost, sender.queued]).toEqual([0, 0]);
  const { sent } = three.hub.stats().endpoints.find(({ name }) => name === NAME) ?? {};
  expect(sent?.messages).toBe(sender.sent);
});

it('also where the old replica is frozen as soon as it has let go', async () => {
  const name = clusterName();
  const [two, three] = await Promise.all([
    // What it may have on its way is more than the connection takes.
    replica({ server, name, options: { highWaterMarkBytes: 256 * 1024 } }),
    replica({ server, name, options }),
  ]);
  const settings = { server: server.address, name, replicaTimeoutMs: 10_000, options };
  await using old = await ReplicaProcess.start(settings);
  const older = await Mover.at(old.first.url, old.first.id, three.hub);
  await untilState(two.hub, NAME);
  await fill(older, two.hub, async () => (await old.look()).waiting);
  const sender = new Sender(three.hub);
  sender.send(10);
  const marker = await site('marker', two);
  await untilState(three.hub, 'marker');
  const stranger = await connect({ servers: server.address });
  stranger.subscribe('_INBOX.>', {
    callback: (_, { data }) => {
      if (Buffer.from(data).includes('isReleased')) old.signal('SIGSTOP');
    },
  });
  await stranger.flush();
  const newer = await Mover.at(two.url, two.view.replica, three.hub);
  newer.resume();
  sender.send(10);
  // Behind what goes to the new replica.
  const marked = firstValueFrom(marker.messages(APP_ID));
  three.hub.send('marker', APP_ID, {});
  await marked;
  old.signal('SIGCONT');
  await stranger.close();
  await expect.poll(() => newer.got.at(-1)).toBe(sender.sent - 1);
  expect(newer.got).toEqual(upTo(sender.sent));
  expect([older.got, sender.lost]).toEqual([[], 0]);
});

it('and if the new replica dies, the one that sent hears of every loss, and no other', async () => {
  const name = clusterName();
  const shared = { server, name, options, cluster: { replicaTimeoutMs: 5_000 } };
  // What `one` may have on its way is more than a connection takes.
  const [one, three] = await Promise.all([
    replica({ ...shared, options: { highWaterMarkBytes: 256 * 1024 } }),
    replica(shared),
  ]);
  const settings = { server: server.address, name, replicaTimeoutMs: 5_000, options };
  await using victim = await ReplicaProcess.start(settings);
  const older = await Mover.at(one.url, one.view.replica, three.hub);
  await fill(older, one.hub, () => waitingAt(one.hub));
  const sender = new Sender(three.hub);
  sender.send(10);
  const newer = await Mover.at(victim.first.url, victim.first.id, three.hub);
  await fill(newer, one.hub, async () => (await victim.look()).waiting);
  const other = new Sender(one.hub);
  sender.send(10);
  await victim.kill();
  await untilState(three.hub, NAME, EndpointState.DISCONNECTED);
  await untilState(one.hub, NAME, EndpointState.DISCONNECTED);
  newer.resume();
  older.resume();
  await expect.poll(() => newer.got.length + sender.lost).toBeGreaterThanOrEqual(sender.sent);
  expect(newer.got).toEqual(upTo(newer.got.length));
  expect([older.got, sender.queued]).toEqual([[], 0]);
  // Its own, that filled the connection.
  expect(other.lost).toBeGreaterThan(0);
  expect(other.queued).toBe(0);
});
