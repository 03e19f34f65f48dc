/** The hub of the scale benchmark, or a replica of it, in a process of its own. */
import { setTimeout as sleep } from 'node:timers/promises';

import { BehaviorSubject, filter, firstValueFrom } from 'rxjs';

import { connectionProperties } from '../certificates.js';
import { answerRequests } from '../child.js';
import { Communicator, type CommunicatorOf, Endpoint, EndpointState, loadCluster, Mode } from '../package.js';
import { Counter } from './counter.js';
import { type Crowd, tell } from './crowd.js';
import { APP, nameOf, PAYLOAD } from './message.js';
import { MuxDriver } from './mux-driver.js';

/** What the main process asks of the hub. */
export type HubRequest =
  | ({ readonly do: 'listen'; readonly cluster?: ClusterPlace } & Crowd)
  /** To the endpoints of this number, and each so many behind it. */
  | { readonly do: 'send-to'; readonly first: number; readonly every: number }
  /** Answers with how many they were. */
  | { readonly do: 'wait-for-moved'; readonly from: string }
  | {
      readonly do:
        | 'measure'
        | 'collect-garbage'
        | 'wait-for-all'
        | 'broadcast'
        | 'receive-from-all'
        | 'restart'
        | 'wait-for-none'
        | 'stop';
    };

/** Where a replica has its place. */
export interface ClusterPlace {
  /** Of NATS. */
  readonly servers: string;
  readonly replicaTimeoutMs: number;
}

/** Where a hub listens, and the ID that it has as a replica. */
export interface Listening {
  readonly url: string;
  readonly replica?: string | undefined;
}

/** What a hub's process takes. */
export interface Resources {
  readonly rssBytes: number;
  /** On the heap of V8 and of what it holds outside. */
  readonly heapBytes: number;
  readonly cpuMs: number;
  readonly atMs: number;
}

/** What {@link Communicator} allows without options. */
const DEFAULT_CONNECTIONS = 20_000;

let hub: CommunicatorOf;
let handle = '';
let url = '';
let endpoints = 0;
/** The endpoints that are READY, and when each came to be so. */
const ready = new Set<string>();
const readyCount$ = new BehaviorSubject(0);
const joinedAtMs: number[] = [];
const received = new Counter();

answerRequests(async (request: HubRequest): Promise<unknown> => {
  switch (request.do) {
    case 'listen':
      return start(request);
    case 'measure':
      return measure();
    case 'collect-garbage':
      for (let round = 0; round < 4; round += 1) {
        globalThis.gc?.();
        await sleep(250);
      }
      return undefined;
    case 'wait-for-all':
      await untilReady(endpoints);
      return joinedAtMs;
    case 'broadcast':
      for (const name of (await firstValueFrom(hub.endpoints$)).keys())
        hub.send(name, APP, { payload: PAYLOAD });
      return undefined;
    case 'send-to':
      for (let index = request.first; index < endpoints; index += request.every)
        hub.send(nameOf(index), APP, { payload: PAYLOAD });
      return undefined;
    case 'wait-for-moved':
      return untilMoved(request.from);
    case 'receive-from-all':
      return received.take(endpoints);
    case 'restart':
      return restart();
    case 'wait-for-none':
      return untilReady(0);
    case 'stop':
      return hub.stop();
  }
});

async function start({ transport, cluster, ...request }: Crowd & { readonly cluster?: ClusterPlace }) {
  ({ endpoints } = request);
  const most = Math.max(endpoints, DEFAULT_CONNECTIONS);
  const view = cluster === undefined ? undefined : await replicaAt(cluster);
  hub = new Communicator(new Endpoint('hub', {}, connectionProperties(transport, 'hub')), {
    maxConnections: most,
    maxConnectionsPerAddress: most,
    ...(view === undefined ? {} : { cluster: view }),
  });
  hub.drivers.register(new MuxDriver());
  watch();
  hub.registerMessageReceiver(APP, () => received.add());
  await hub.start();
  url = await listen(`${transport}://127.0.0.1:0`);
  return { url, replica: view?.replica } satisfies Listening;
}

async function replicaAt({ servers, replicaTimeoutMs }: ClusterPlace) {
  const { cluster } = await loadCluster();
  return cluster({ nats: { servers }, name: 'bench', replicaTimeoutMs });
}

/** @returns the URL with the port that was bound */
async function listen(at: string): Promise<string> {
  const bound = firstValueFrom(hub.lifecycle$.pipe(filter((event) => event.type === 'listening')));
  handle = hub.addConnector(at, Mode.PASSIVE);
  return (await bound).url;
}

/** @returns the seconds from when the hub listens again until all are back */
async function restart(): Promise<number> {
  await hub.removeConnector(handle);
  await untilReady(0);
  await listen(url);
  const listeningAt = performance.now();
  await untilReady(endpoints);
  return (performance.now() - listeningAt) / 1_000;
}

/** Notes who is READY, with progress on the way. */
function watch(): void {
  hub.lifecycle$.subscribe((event) => {
    if (event.type !== 'endpoint') return;
    const { name, state } = event.endpoint;
    const isReady = state === EndpointState.READY;
    if (isReady === ready.has(name)) return;
    if (isReady) {
      ready.add(name);
      joinedAtMs.push(performance.now());
    } else ready.delete(name);
    if (ready.size % Math.ceil(endpoints / 10) === 0) tell(`  ${ready.size}`);
    readyCount$.next(ready.size);
  });
}

async function untilReady(count: number): Promise<void> {
  await firstValueFrom(readyCount$.pipe(filter((now) => now === count)));
}

/** @returns how many endpoints were at another replica, and are READY, as all others are, at replicas that live */
async function untilMoved(from: string): Promise<number> {
  const moving = new Set<string>();
  for (const [name, { connProps }] of await firstValueFrom(hub.endpoints$))
    if (connProps.replica === from) moving.add(name);
  const count = moving.size;
  const moved$ = hub.lifecycle$.pipe(
    filter((event) => event.type === 'endpoint'),
    filter(({ endpoint: { name, state, connProps } }) => {
      if (state === EndpointState.READY && connProps.replica !== from) moving.delete(name);
      return moving.size === 0;
    }),
  );
  await firstValueFrom(moved$);
  await untilReady(endpoints);
  return count;
}

function measure(): Resources {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  return {
    rssBytes: rss,
    heapBytes: heapUsed + external,
    cpuMs: (user + system) / 1_000,
    atMs: performance.now(),
  };
}
