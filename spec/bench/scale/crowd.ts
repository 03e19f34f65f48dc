import { Child } from '../child.js';
import { median } from '../statistics.js';

/** How many endpoints a benchmark of scale has, and how they connect. */
export interface Crowd {
  /** `tcp`, `stcp` with mutual TLS, or `mux`: many connections on few sockets. */
  readonly transport: string;
  readonly endpoints: number;
}

/** What one message of a broadcast takes. */
export interface Broadcast {
  readonly messagesPerSecond: number;
  /** Of those who send. */
  readonly cpuMicroseconds: number;
}

const PROCESSES = 4;
const BROADCASTS = 5;

/** The processes that a crowd is in. */
export function children<Request extends object>(file: string): readonly Child<Request>[] {
  return Array.from({ length: PROCESSES }, () => new Child<Request>(new URL(file, import.meta.url)));
}

/** Which endpoints are in one of them. */
export function shareOf({ endpoints }: Crowd, index: number): { first: number; count: number } {
  const first = Math.floor((endpoints * index) / PROCESSES);
  return { first, count: Math.floor((endpoints * (index + 1)) / PROCESSES) - first };
}

/**
 * One message to each endpoint, over and over, until all have arrived.
 *
 * @param broadcast - sends them, in the round of this number
 * @param cpuMs - the CPU time of those who send
 */
export async function measureBroadcast(
  { endpoints }: Crowd,
  processes: readonly Child<{ readonly do: 'receive' }>[],
  broadcast: (round: number) => Promise<unknown>,
  cpuMs: () => Promise<number>,
): Promise<Broadcast> {
  tell('broadcast …');
  const rates: number[] = [];
  const cpuMicroseconds: number[] = [];
  for (let round = 0; round < BROADCASTS; round += 1) {
    const cpuMsBefore = await cpuMs();
    const received = processes.map((each) => each.ask<undefined>({ do: 'receive' }));
    const took = await seconds(async () => {
      await broadcast(round);
      await Promise.all(received);
    });
    rates.push(endpoints / took);
    cpuMicroseconds.push((((await cpuMs()) - cpuMsBefore) * 1_000) / endpoints);
  }
  return { messagesPerSecond: median(rates), cpuMicroseconds: median(cpuMicroseconds) };
}

/** How long something takes. */
export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1_000;
}

/** Says how far the benchmark is. */
export function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}
