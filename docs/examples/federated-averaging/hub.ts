/** The hub: sends the weights out, averages what comes back, and tells how good the result is. */
import { combineLatest, filter, firstValueFrom, map, scan, startWith, timeout } from 'rxjs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Communicator, Endpoint, EndpointState, Mode, type ReceivedMessage } from 'rxflare';

import { Apps } from './apps.js';
import { testSet } from './iris.js';
import { accuracy, average, fromBytes, initialWeights, toBytes, type Weights } from './model.js';

interface Update {
  readonly name: string;
  readonly weights: Weights;
  /** How many samples the site trained on; 0 for an update that cannot be used. */
  readonly samples: number;
}

const ROUNDS = 24;
const PAUSE_MS = 300;
const ROUND_TIMEOUT_MS = 10_000;

const [sites, ...urls] = process.argv.slice(2);

const hub = new Communicator(new Endpoint('hub'));
for (const url of urls) hub.addConnector(url, Mode.PASSIVE);

hub.registerMonitor(({ name, state, connProps }) => {
  if (state === EndpointState.READY) console.log(`  + ${name} joined over ${schemeOf(connProps.local_addr)}`);
  if (state === EndpointState.DISCONNECTED) console.log(`  - ${name} left`);
});

/** The sites that are here, now and on each change. */
const here$ = hub.endpoints$.pipe(
  map((endpoints) => [...endpoints.values()].filter(({ state }) => state === EndpointState.READY)),
);

await hub.start();
process.send?.('listening');
await everyoneIsHere();

const before = percentRight(initialWeights());
let weights = initialWeights();
for (let round = 1; round <= ROUNDS; round += 1) {
  if (round === ROUNDS) await everyoneIsHere();
  const updates = await train(weights, round);
  if (updates.length > 0) weights = average(updates);
  const who = updates.map(({ name }) => name).join(', ');
  console.log(`round ${round}: ${who} trained, test accuracy ${percentRight(weights)}`);
  process.send?.(round);
  await sleep(PAUSE_MS);
}
for (const { name } of await firstValueFrom(here$)) hub.send(name, Apps.DONE, { payload: toBytes(weights) });
const { endpoints } = hub.stats();
await hub.stop();
console.log(`
Done: ${ROUNDS} rounds took the test accuracy from ${before} to ${percentRight(weights)}.`);
for (const { name, sent, received } of endpoints) {
  const bytes = sent.bytes + received.bytes;
  console.log(`  ${name}: ${received.messages} updates, ${(bytes / 1_000).toFixed(1)} kB of messages in all`);
}
if (process.connected) process.disconnect();

/** At the start, and before the last round, so that one that was killed gets the result too. */
async function everyoneIsHere(): Promise<void> {
  await firstValueFrom(here$.pipe(filter(({ length }) => length === Number(sites))));
}

function percentRight(weights: Weights): string {
  return `${(100 * accuracy(weights, testSet)).toFixed(1)} %`;
}

/** The transport of the listener at an address. */
function schemeOf(address: unknown): string {
  return urls.find((url) => url.endsWith(`//${String(address)}`))?.split(':')[0] ?? '';
}

/** One round: all sites that are here train; it ends when each of them has answered or left. Usable updates only. */
async function train(start: Weights, round: number): Promise<readonly Update[]> {
  const participants = await firstValueFrom(here$.pipe(filter(({ length }) => length > 0)));
  const updates$ = hub.messages(Apps.UPDATE).pipe(
    filter(({ message }) => message.headers?.round === round),
    map(updateOf),
    scan((updates: readonly Update[], update) => [...updates, update], []),
    startWith<readonly Update[]>([]),
  );
  const complete = firstValueFrom(
    combineLatest([updates$, here$]).pipe(
      filter(([updates, here]) =>
        participants.every(
          ({ name }) =>
            updates.some((update) => update.name === name) || !here.some((site) => site.name === name),
        ),
      ),
      map(([updates]) => updates.filter(({ samples }) => samples > 0)),
      timeout(ROUND_TIMEOUT_MS),
    ),
  );
  for (const { name } of participants)
    hub.send(name, Apps.TRAIN, { headers: { round }, payload: toBytes(start) });
  return complete;
}

/** Reads what a site sent, and never throws: a bad update must end neither the round nor this process. */
function updateOf({ endpoint: { name }, message: { headers, payload } }: ReceivedMessage): Update {
  const weights = fromBytes(payload);
  const samples = headers?.samples;
  const isUsable = weights !== undefined && typeof samples === 'number' && Number.isSafeInteger(samples);
  return isUsable ? { name, weights, samples } : { name, weights: initialWeights(), samples: 0 };
}
