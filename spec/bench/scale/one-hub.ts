import { Child } from '../child.js';
import type { BareRequest } from './bare.js';
import { type Broadcast, children, type Crowd, measureBroadcast, seconds, shareOf, tell } from './crowd.js';
import type { HubRequest, Listening, Resources } from './hub.js';
import type { ScaleReport } from './report.js';
import type { SitesRequest } from './sites.js';

/** Of more than 10,000, those that look for a hub all at once would leave it no core. */
const LARGE = 10_000;

/** What of a report is of rxflare. */
type OfRxflare = Omit<
  ScaleReport,
  keyof Crowd | 'bareSocketsMessagesPerSecond' | 'bareSocketsCpuMicroseconds'
>;

/** A crowd that joins one hub. Beside it, what bare sockets take for the same broadcast. */
export async function measureOneHub(crowd: Crowd, idleSeconds: number): Promise<ScaleReport> {
  const withRxflare = await measureRxflare(crowd, idleSeconds);
  const bare = await measureBareSockets(crowd);
  return {
    ...crowd,
    ...withRxflare,
    bareSocketsMessagesPerSecond: bare.messagesPerSecond,
    bareSocketsCpuMicroseconds: bare.cpuMicroseconds,
  };
}

async function measureRxflare(crowd: Crowd, idleSeconds: number): Promise<OfRxflare> {
  const { endpoints } = crowd;
  const isLarge = endpoints > LARGE;
  const hub = new Child<HubRequest>(new URL('hub.ts', import.meta.url), { execArgv: ['--expose-gc'] });
  const processes = children<SitesRequest>('sites.ts');
  const { url } = await hub.ask<Listening>({ do: 'listen', ...crowd });
  const resources = async (): Promise<Resources> => {
    await hub.ask({ do: 'collect-garbage' });
    return hub.ask<Resources>({ do: 'measure' });
  };
  const before = await resources();

  tell(`${endpoints} endpoints join …`);
  const whole = hub.ask<number[]>({ do: 'wait-for-all' });
  await Promise.all(
    processes.map((each, index) => each.ask({ do: 'join', urls: [url], ...shareOf(crowd, index) })),
  );
  const joinedAtMs = await whole;

  tell(`idle for ${idleSeconds} s …`);
  const joined = await resources();
  await new Promise((resolve) => setTimeout(resolve, idleSeconds * 1_000));
  const idle = await hub.ask<Resources>({ do: 'measure' });

  const cpuMs = async (): Promise<number> => (await hub.ask<Resources>({ do: 'measure' })).cpuMs;
  const { messagesPerSecond, cpuMicroseconds } = await measureBroadcast(
    crowd,
    processes,
    () => hub.ask({ do: 'broadcast' }),
    cpuMs,
  );

  tell('all send …');
  const sendSeconds = await seconds(async () => {
    const received = hub.ask({ do: 'receive-from-all' });
    await Promise.all(processes.map((each) => each.ask({ do: 'send' })));
    await received;
  });

  const restartSeconds = isLarge ? undefined : await restart(hub);

  tell('all leave …');
  const leaveSeconds = await seconds(async () => {
    const left = hub.ask({ do: 'wait-for-none' });
    // So many communicators of one process take minutes to say farewell, which is no time of the hub.
    await Promise.all(processes.map((each) => (isLarge ? each.end() : each.ask({ do: 'leave' }))));
    await left;
  });
  const after = await resources();
  await hub.ask({ do: 'stop' });
  await Promise.all([hub, ...processes].map((each) => each.end()));

  const quarter = Math.floor(joinedAtMs.length / 4);
  return {
    joinSeconds: spanSeconds(joinedAtMs),
    joinsPerSecondFirstQuarter: quarter / spanSeconds(joinedAtMs.slice(0, quarter)),
    joinsPerSecondLastQuarter: quarter / spanSeconds(joinedAtMs.slice(-quarter)),
    rssBytesPerEndpoint: (joined.rssBytes - before.rssBytes) / endpoints,
    heapBytesPerEndpoint: (joined.heapBytes - before.heapBytes) / endpoints,
    idleCpuPercent: ((idle.cpuMs - joined.cpuMs) / (idle.atMs - joined.atMs)) * 100,
    broadcastMessagesPerSecond: messagesPerSecond,
    broadcastCpuMicroseconds: cpuMicroseconds,
    sendMessagesPerSecond: endpoints / sendSeconds,
    ...(restartSeconds === undefined ? {} : { restartSeconds }),
    leaveSeconds,
    rssBytesPerEndpointAfter: (after.rssBytes - before.rssBytes) / endpoints,
    heapBytesPerEndpointAfter: (after.heapBytes - before.heapBytes) / endpoints,
  };
}

function restart(hub: Child<HubRequest>): Promise<number> {
  tell('the hub stops listening, and listens again …');
  return hub.ask({ do: 'restart' });
}

async function measureBareSockets(crowd: Crowd): Promise<Broadcast> {
  const { transport, endpoints } = crowd;
  tell(`${endpoints} bare sockets …`);
  const hub = new Child<BareRequest>(new URL('bare.ts', import.meta.url));
  const processes = children<BareRequest>('bare.ts');
  const port = await hub.ask<number>({ do: 'listen', transport });
  const all = hub.ask({ do: 'wait-for-all', endpoints });
  await Promise.all(
    processes.map((each, index) =>
      each.ask({ do: 'join', transport, port, count: shareOf(crowd, index).count }),
    ),
  );
  await all;
  const broadcast = await measureBroadcast(
    crowd,
    processes,
    () => hub.ask({ do: 'broadcast' }),
    () => hub.ask<number>({ do: 'cpu-ms' }),
  );
  await Promise.all([hub, ...processes].map((each) => each.end()));
  return broadcast;
}

function spanSeconds(times: readonly number[]): number {
  return ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1_000;
}
