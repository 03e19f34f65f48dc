/** A hub, a replica or a site of the soak tests: a process that sends and receives all the while. Told what to do by IPC. */
import { setTimeout as sleep } from 'node:timers/promises';

import { filter, firstValueFrom, interval, Subscription, take, toArray } from 'rxjs';

import { cluster, type ClusterView } from '../../lib/cluster/index.js';
import { Communicator, Endpoint, EndpointState, type LifecycleEvent, Mode } from '../../lib/index.js';
import { isReady } from '../../lib/endpoint.js';
import { CellTraffic } from './cell-traffic.js';
import { handlesNow, handlesSince } from './handles.js';
import {
  APP_EVERY,
  APP_ONE,
  type Command,
  type PartyConfig,
  type PartyReport,
  type ReplicaConfig,
  type ReplicaView,
  type Tidings,
} from './messages.js';
import { SchedulingDelay } from './scheduling-delay.js';
import { SignsOfLife } from './signs-of-life.js';
import { Traffic } from './traffic.js';

const SEND_EVERY_MS = 50;
const REPORT_EVERY_MS = 250;
const DELIVER = { [APP_ONE]: 'one', [APP_EVERY]: 'every' } as const;

const config = JSON.parse(process.argv[2] ?? '') as PartyConfig;
const { name, run, seed, heartbeatMs } = config;
const replica = config.cluster && join(config.cluster);
const communicator = new Communicator(new Endpoint(name), {
  heartbeatIntervalMs: heartbeatMs,
  heartbeatTimeoutMs: heartbeatMs,
  reconnectDelayMs: 200,
  maxReconnectDelayMs: 1_000,
  ...(replica === undefined ? {} : { cluster: replica }),
});
const traffic = new Traffic(communicator, config);
const delay = new SchedulingDelay(SEND_EVERY_MS);
const signs = new SignsOfLife();
const cells = config.asks && new CellTraffic(communicator, run, seed, config.asks, delay, config.marginMs);
const work = new Subscription();
let endpoints: ReadonlyMap<string, Endpoint> = new Map();
let isPaused = false;
let toldDelayMs = 0;

process.on('message', (command: Command) => void perform(command));
// Nobody is left behind by a soak test that failed.
process.once('disconnect', () => process.exit(1));
process.once('SIGTERM', () => void stop());
// The channel to the test is open from the first listener on.
const handlesBefore = handlesNow();

for (const to of config.sendTo) traffic.sendTo(to);
communicator.endpoints$.subscribe((now) => (endpoints = now));
communicator.lifecycle$.subscribe(tellOf);
for (const url of config.connect) communicator.addConnector(url, Mode.ACTIVE);
for (const url of config.listen) communicator.addConnector(url, Mode.PASSIVE);
const listening = firstValueFrom(
  communicator.lifecycle$.pipe(
    filter((event) => event.type === 'listening'),
    take(config.listen.length),
    toArray(),
  ),
);
await sleep(Math.max(0, (config.startAt ?? 0) - Date.now()));
await communicator.start();
tell({ type: 'started', urls: (await listening).map(({ url }) => url) });
work.add(interval(SEND_EVERY_MS).subscribe(sendSome));
work.add(interval(REPORT_EVERY_MS).subscribe(() => tell({ type: 'report', report: report() })));

function tellOf(event: LifecycleEvent): void {
  const at = Date.now();
  if (event.type === 'evicted') {
    if (event.newcomer !== undefined) signs.watch(event.endpointName, event.newcomer);
    tell({ type: 'joined', name: event.endpointName, at });
  }
  if (event.type !== 'endpoint') return;
  const { name: other, state } = event.endpoint;
  tell({ type: 'endpoint', name: other, state, at, aliveAt: signs.lastOf(other) });
  if (state !== EndpointState.READY) return;
  if (event.connection !== undefined) signs.watch(other, event.connection);
  tell({ type: 'joined', name: other, at });
}

function sendSome(): void {
  delay.tick();
  signs.tick();
  if (isPaused) return;
  traffic.sendSome();
  cells?.askSome();
}

function report(): PartyReport {
  const lagMs = delay.totalMs - toldDelayMs;
  toldDelayMs += lagMs;
  const { violations, ...rest } = traffic.report;
  return {
    ...rest,
    violations: [...violations, ...(cells?.violations ?? [])],
    lagMs,
    ...(cells === undefined ? {} : { cell: cells.report }),
    ...(replica === undefined ? {} : { view: viewOf(replica) }),
  };
}

function join({ server, ...options }: ReplicaConfig): ClusterView {
  return cluster({ ...options, nats: { servers: server }, deliver: DELIVER });
}

function viewOf({ replica: id = '', isConnected, replicas, rejected }: ClusterView): ReplicaView {
  const ready = [...endpoints.values()].filter(isReady);
  return {
    id,
    isConnected,
    replicas,
    rejected,
    ready: Object.fromEntries(
      ready.map(({ name: of, connProps }) => [of, (connProps.replica as string | undefined) ?? null]),
    ),
    droppedForOthers: traffic.droppedForOthers,
  };
}

async function perform(command: Command): Promise<void> {
  if (typeof command === 'object') {
    communicator.removeEndpoint(command.remove);
    return;
  }
  switch (command) {
    case 'pause':
      isPaused = true;
      break;
    case 'resume':
      isPaused = false;
      break;
    case 'report':
      tell({ type: 'report', report: report() });
      break;
    case 'heap':
      globalThis.gc?.();
      tell({ type: 'heap', bytes: process.memoryUsage().heapUsed });
      break;
    case 'reach':
      tell({ type: 'reach', failed: cells === undefined ? [] : await firstValueFrom(cells.unreached()) });
      break;
    case 'stop':
      await stop();
      break;
  }
}

async function stop(): Promise<void> {
  work.unsubscribe();
  await communicator.stop();
  const handles = await handlesSince(handlesBefore);
  process.removeAllListeners('disconnect');
  const tidings: Tidings = { type: 'stopped', report: report(), handles };
  process.send?.(tidings, () => process.disconnect());
}

function tell(tidings: Tidings): void {
  if (process.connected) process.send?.(tidings);
}
