/** The hub of the scale benchmark, in a process of its own. */
import { setTimeout as sleep } from 'node:timers/promises';

import { filter, firstValueFrom, map, type Observable, take, toArray } from 'rxjs';

import { answerRequests } from '../child.js';
import { Communicator, Endpoint, EndpointState, Mode } from '../package.js';
import { APP, PAYLOAD } from './message.js';

/** What the main process asks of the hub. */
export type HubRequest =
  | { readonly do: 'listen'; readonly url: string; readonly endpoints: number }
  | {
      readonly do:
        | 'measure'
        | 'collect-garbage'
        | 'wait-for-all'
        | 'broadcast'
        | 'receive-from-all'
        | 'wait-for-none'
        | 'stop';
    };

/** What the hub's process takes. */
export interface Resources {
  readonly rssBytes: number;
  readonly cpuMs: number;
  readonly atMs: number;
}

const hub = new Communicator(new Endpoint('hub'), { maxDisconnectedEndpoints: Number.MAX_SAFE_INTEGER });
hub.registerMessageReceiver(APP, () => undefined);
let endpoints = 0;

answerRequests(async (request: HubRequest): Promise<unknown> => {
  switch (request.do) {
    case 'listen':
      return listen(request);
    case 'measure':
      return measure();
    case 'collect-garbage':
      for (let round = 0; round < 4; round += 1) {
        globalThis.gc?.();
        await sleep(250);
      }
      return undefined;
    case 'wait-for-all':
      return lastOf(changesTo(EndpointState.READY).pipe(map(() => performance.now())));
    case 'broadcast':
      for (const name of (await firstValueFrom(hub.endpoints$)).keys())
        hub.send(name, APP, { payload: PAYLOAD });
      return undefined;
    case 'receive-from-all':
      await lastOf(hub.messages(APP));
      return undefined;
    case 'wait-for-none':
      await lastOf(changesTo(EndpointState.DISCONNECTED));
      return undefined;
    case 'stop':
      return hub.stop();
  }
});

async function listen(request: { readonly url: string; readonly endpoints: number }): Promise<string> {
  ({ endpoints } = request);
  const bound = firstValueFrom(hub.lifecycle$.pipe(filter((event) => event.type === 'listening')));
  hub.addConnector(request.url, Mode.PASSIVE);
  await hub.start();
  return (await bound).url;
}

function changesTo(state: string): Observable<unknown> {
  return hub.lifecycle$.pipe(filter((event) => event.type === 'endpoint' && event.endpoint.state === state));
}

/** One of each endpoint, with progress on the way. */
function lastOf<T>(source$: Observable<T>): Promise<T[]> {
  return firstValueFrom(
    source$.pipe(
      map((value, index) => {
        if ((index + 1) % 1_000 === 0) process.stderr.write(`  ${index + 1}\n`);
        return value;
      }),
      take(endpoints),
      toArray(),
    ),
  );
}

function measure(): Resources {
  const { user, system } = process.cpuUsage();
  return { rssBytes: process.memoryUsage.rss(), cpuMs: (user + system) / 1_000, atMs: performance.now() };
}
