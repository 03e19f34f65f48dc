/** A hub or a site of the soak test: a process that sends and receives all the while. Told what to do by IPC. */
import { filter, firstValueFrom, interval, Subscription, take, toArray } from 'rxjs';

import { Communicator, Endpoint, EndpointState, type LifecycleEvent, Mode } from '../../lib/index.js';
import { CellTraffic } from './cell-traffic.js';
import { handlesSince } from './handles.js';
import type { Command, PartyConfig, PartyReport, Tidings } from './messages.js';
import { SchedulingDelay } from './scheduling-delay.js';
import { Traffic } from './traffic.js';

const SEND_EVERY_MS = 50;
const REPORT_EVERY_MS = 250;

const config = JSON.parse(process.argv[2] ?? '') as PartyConfig;
const { name, run, seed, heartbeatMs } = config;
const communicator = new Communicator(new Endpoint(name), {
  heartbeatIntervalMs: heartbeatMs,
  heartbeatTimeoutMs: heartbeatMs,
  reconnectDelayMs: 200,
  maxReconnectDelayMs: 1_000,
});
const traffic = new Traffic(communicator, run, seed);
const delay = new SchedulingDelay(SEND_EVERY_MS);
const cells = config.asks && new CellTraffic(communicator, run, seed, config.asks, delay, config.marginMs);
const work = new Subscription();
let isPaused = false;
let toldDelayMs = 0;

process.on('message', (command: Command) => void perform(command));
// Nobody is left behind by a soak test that failed.
process.once('disconnect', () => process.exit(1));
// The channel to the test is open from the first listener on.
const handlesBefore = process.getActiveResourcesInfo();

for (const to of config.sendTo) traffic.sendTo(to);
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
await communicator.start();
tell({ type: 'started', urls: (await listening).map(({ url }) => url) });
work.add(interval(SEND_EVERY_MS).subscribe(sendSome));
work.add(interval(REPORT_EVERY_MS).subscribe(() => tell({ type: 'report', report: report() })));

function tellOf(event: LifecycleEvent): void {
  const at = Date.now();
  if (event.type === 'evicted') tell({ type: 'joined', name: event.endpointName, at });
  if (event.type !== 'endpoint') return;
  const { name: other, state } = event.endpoint;
  tell({ type: 'endpoint', name: other, state, at });
  if (state === EndpointState.READY) tell({ type: 'joined', name: other, at });
}

function sendSome(): void {
  delay.tick();
  if (isPaused) return;
  traffic.sendSome();
  cells?.askSome();
}

function report(): PartyReport {
  const lagMs = delay.totalMs - toldDelayMs;
  toldDelayMs += lagMs;
  const { violations, ...rest } = traffic.report;
  if (cells === undefined) return { ...rest, violations, lagMs };
  return { ...rest, violations: [...violations, ...cells.violations], lagMs, cell: cells.report };
}

async function perform(command: Command): Promise<void> {
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
