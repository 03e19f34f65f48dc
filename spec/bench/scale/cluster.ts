import { readFile } from 'node:fs/promises';

import { NatsServer } from '../../support/nats-server.js';
import { Child } from '../child.js';
import { children, type Crowd, measureBroadcast, seconds, shareOf, tell } from './crowd.js';
import type { HubRequest, Listening, Resources } from './hub.js';
import type { ClusterScaleReport } from './report.js';
import type { SitesRequest } from './sites.js';

/** How many replicas there are, and how long each may be silent. */
type Replicas = Pick<ClusterScaleReport, 'replicas' | 'replicaTimeoutMs'>;

/** What all replicas take when garbage is collected, and NATS beside them. */
interface Memory extends Pick<Resources, 'rssBytes' | 'heapBytes'> {
  readonly natsRssBytes: number;
}

/** A crowd that joins the replicas of one hub, one of which is killed in the end. */
export async function measureCluster(crowd: Crowd, replicas: Replicas): Promise<ClusterScaleReport> {
  const nats = await NatsServer.start({ jetStream: true });
  try {
    return await measureAt(nats, crowd, replicas);
  } finally {
    await nats.stop();
  }
}

async function measureAt(
  nats: NatsServer,
  crowd: Crowd,
  { replicas: count, replicaTimeoutMs }: Replicas,
): Promise<ClusterScaleReport> {
  const { endpoints } = crowd;
  const hub = new URL('hub.ts', import.meta.url);
  const replicas = Array.from(
    { length: count },
    () => new Child<HubRequest>(hub, { execArgv: ['--expose-gc'] }),
  );
  const processes = children<SitesRequest>('sites.ts');
  const cluster = { servers: nats.address, replicaTimeoutMs };
  const listening = await Promise.all(
    replicas.map((each) => each.ask<Listening>({ do: 'listen', ...crowd, cluster })),
  );
  const before = await memoryOf(replicas, nats);

  tell(`${endpoints} endpoints join ${count} replicas …`);
  const urls = listening.map(({ url }) => url);
  const joinSeconds = await seconds(async () => {
    const whole = replicas.map((each) => each.ask({ do: 'wait-for-all' }));
    await Promise.all(
      processes.map((each, index) => each.ask({ do: 'join', urls, ...shareOf(crowd, index) })),
    );
    await Promise.all(whole);
  });
  const joined = await memoryOf(replicas, nats);
  tell(`all have joined after ${joinSeconds.toFixed(1)} s`);
  const perEndpoint = (of: (memory: Memory) => number): number => (of(joined) - of(before)) / endpoints;

  const [first, ...others] = replicas;
  const cpuMs = async (): Promise<number> => (await sumOf(replicas)).cpuMs;
  const broadcast = await measureBroadcast(
    crowd,
    processes,
    async () => first?.ask({ do: 'broadcast' }),
    cpuMs,
  );
  const sendToAny = (round: number) =>
    Promise.all(
      replicas.map((each, index) =>
        each.ask({ do: 'send-to', first: (index + round) % count, every: count }),
      ),
    );
  const sent = await measureBroadcast(crowd, processes, sendToAny, cpuMs);

  tell('a replica dies …');
  let moved = 0;
  const healSeconds = await seconds(async () => {
    const from = listening[0]?.replica ?? '';
    const healed = others.map((each) => each.ask<number>({ do: 'wait-for-moved', from }));
    await first?.kill();
    [moved = 0] = await Promise.all(healed);
  });
  await Promise.all([...others, ...processes].map((each) => each.kill()));

  return {
    ...crowd,
    replicas: count,
    replicaTimeoutMs,
    joinSeconds,
    joinsPerSecond: endpoints / joinSeconds,
    rssBytesPerEndpoint: perEndpoint(({ rssBytes }) => rssBytes),
    heapBytesPerEndpoint: perEndpoint(({ heapBytes }) => heapBytes),
    natsRssBytesPerEndpoint: perEndpoint(({ natsRssBytes }) => natsRssBytes),
    broadcastMessagesPerSecond: broadcast.messagesPerSecond,
    broadcastCpuMicroseconds: broadcast.cpuMicroseconds,
    sendMessagesPerSecond: sent.messagesPerSecond,
    sendCpuMicroseconds: sent.cpuMicroseconds,
    movedEndpoints: moved,
    healSeconds,
  };
}

async function memoryOf(replicas: readonly Child<HubRequest>[], nats: NatsServer): Promise<Memory> {
  await Promise.all(replicas.map((each) => each.ask({ do: 'collect-garbage' })));
  return { ...(await sumOf(replicas)), natsRssBytes: await rssBytesOf(nats.pid) };
}

/** What all replicas take. */
async function sumOf(replicas: readonly Child<HubRequest>[]): Promise<Omit<Resources, 'atMs'>> {
  const each = await Promise.all(replicas.map((replica) => replica.ask<Resources>({ do: 'measure' })));
  const sum = (of: (one: Resources) => number): number => each.reduce((total, one) => total + of(one), 0);
  return {
    rssBytes: sum(({ rssBytes }) => rssBytes),
    heapBytes: sum(({ heapBytes }) => heapBytes),
    cpuMs: sum(({ cpuMs }) => cpuMs),
  };
}

/** As Linux tells it. */
async function rssBytesOf(pid: number): Promise<number> {
  const [, kilobytes = ''] = /^VmRSS:\s*(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}
