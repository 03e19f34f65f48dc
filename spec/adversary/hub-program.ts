import { getHeapStatistics } from 'node:v8';

import { filter, firstValueFrom } from 'rxjs';

import { Communicator, type CommunicatorOptions, Endpoint, Mode } from '../../lib/index.js';

/** The app IDs of the hub, by what it does with a message. */
export const App = {
  /** Sends it back. */
  ECHO: 1,
  /** Takes it and is never done with it. */
  HOARD: 2,
} as const;

/** What a hub in a process of its own is made with. */
export interface HubSettings {
  readonly url: string;
  /** A second one to listen at. */
  readonly also?: string;
  readonly options?: CommunicatorOptions;
  /** Of the endpoint, for its connectors: certificates. */
  readonly connProps?: Readonly<Record<string, string>>;
}

/** What it tells of itself. */
export interface HubReport {
  /** Where it listens: `url`, then `also`. */
  readonly urls: readonly string[];
  /** After a collection. */
  readonly heapBytes: number;
  /** Memory outside of the heap of JavaScript: that of buffers, above all. */
  readonly externalBytes: number;
  readonly connections: number;
  readonly paused: number;
  readonly endpoints: readonly string[];
  /** How often it has begun to listen. */
  readonly listens: number;
}

/** Runs a hub, and answers each message of the parent with a report. */
async function run({ url, also, options, connProps }: HubSettings): Promise<void> {
  const hub = new Communicator(new Endpoint('hub', {}, connProps ?? {}), {
    ...options,
  });
  const urls: string[] = [];
  hub.lifecycle$.subscribe((event) => {
    if (event.type === 'listening') urls.push(event.url);
  });
  hub.registerMessageReceiver(App.ECHO, ({ endpoint, message }) => {
    hub.send(endpoint.name, App.ECHO, message);
  });
  // One promise a message, as a receiver that waits for a database has it; the collector must not take the message.
  const hoard: unknown[] = [];
  hub.registerMessageReceiver(App.HOARD, ({ message }) => {
    hoard.push(message);
    return new Promise(() => undefined);
  });
  hub.addConnector(url, Mode.PASSIVE);
  const report = (): void => {
    globalThis.gc?.();
    // Unlike `process.memoryUsage` it opens no file, so it works where there are no more to be had.
    const { used_heap_size: heapBytes, external_memory: externalBytes } = getHeapStatistics();
    const { connections, endpoints } = hub.stats();
    const told: HubReport = {
      urls,
      heapBytes,
      externalBytes,
      connections: connections.length,
      paused: connections.filter(({ isPaused }) => isPaused).length,
      endpoints: endpoints.filter(({ state }) => state === 'READY').map(({ name }) => name),
      listens: urls.length,
    };
    process.send?.(told);
  };
  process.on('message', report);
  process.once('disconnect', () => process.exit());
  await hub.start();
  if (also !== undefined) {
    // Only now, so that its URL comes second: two that start together are told in any order.
    const listens = firstValueFrom(hub.lifecycle$.pipe(filter(({ type }) => type === 'listening')));
    hub.addConnector(also, Mode.PASSIVE);
    await listens;
  }
  report();
}

if (process.argv[2] !== undefined) await run(JSON.parse(process.argv[2]) as HubSettings);
