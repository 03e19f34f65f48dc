import type { NodeStart } from './child.js';

/** What is measured: two ends of one transport, each in a process of its own. */
export interface System {
  /** `rxflare`, `node:net`, `NVFlare 2.9.0`, ... */
  readonly name: string;
  /** The table that it is in. */
  readonly transport: string;
  /** How Node is started for it, where that is not the usual way. */
  readonly node?: NodeStart;
  /** Whether it can do something. Default: all of its table. */
  can?(one: Case): boolean;
  /** Begins to receive, and tells where. */
  serve(): Promise<Served>;
  /** Connects to what another process serves. */
  connect(address: string): Promise<Client>;
}

/** What is measured of a system. */
export interface Case {
  readonly kind: 'one-way' | 'echo' | 'pipelined' | 'stream';
  readonly bytes: number;
}

/** The receiving end. It sends back what is of kind `last` or `echo`. */
export interface Served {
  readonly address: string;
  /** Processes beside the two ends, which are kept to no core. */
  readonly beside?: readonly number[];
  close(): Promise<void>;
}

/** The sending end. */
export interface Client {
  /** The seconds that something took: of each `echo` and `stream`, and of all `one-way` and `pipelined` together. */
  measure(one: Case, count: number): Promise<number[]>;
  close(): Promise<void>;
}

/** What is to be done with a message: count it, answer since it is the last of a series, or send it back. */
export type Kind = 'data' | 'last' | 'echo';

/** The four headers on each message. */
export const headersOf = (kind: Kind) => ({
  topic: 'task_result',
  channel: 'aux_comm',
  origin: 'site-1.job-7',
  kind,
});

/** How many requests are under way where they are pipelined. */
export const IN_FLIGHT = 100;
/** The chunks of a stream. */
export const CHUNK_BYTES = 1024 ** 2;

/** A sending end without a clock. */
export interface Sender {
  /** Sends as fast as the transport takes them. Resolves when the last one was received. */
  oneWay?(payload: Uint8Array, count: number): Promise<void>;
  /** One message there and back. */
  echo(payload: Uint8Array): Promise<void>;
  /** So many there and back, {@link IN_FLIGHT} at a time. */
  pipelined?(payload: Uint8Array, count: number): Promise<void>;
  /** One stream of so many bytes. Resolves when all of it was consumed. */
  stream?(bytes: number): Promise<void>;
  close(): Promise<void>;
}

/** Puts a clock to a sender. */
export function timed(sender: Sender): Client {
  const secondsOf = async (work: () => Promise<void> | undefined): Promise<number> => {
    const startedAt = performance.now();
    await work();
    return (performance.now() - startedAt) / 1000;
  };
  const secondsOfEach = async (count: number, work: () => Promise<void> | undefined): Promise<number[]> => {
    const seconds: number[] = [];
    for (let left = count; left > 0; left -= 1) seconds.push(await secondsOf(work));
    return seconds;
  };
  return {
    async measure({ kind, bytes }, count) {
      if (kind === 'stream') return secondsOfEach(count, () => sender.stream?.(bytes));
      const payload = new Uint8Array(bytes);
      if (kind === 'echo') return secondsOfEach(count, () => sender.echo(payload));
      if (kind === 'pipelined') return [await secondsOf(() => sender.pipelined?.(payload, count))];
      return [await secondsOf(() => sender.oneWay?.(payload, count))];
    },
    close: () => sender.close(),
  };
}

/** Asks so often, some at a time. */
export async function inFlight(
  count: number,
  ask: () => Promise<unknown>,
  atATime = IN_FLIGHT,
): Promise<void> {
  let left = count;
  const work = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await ask();
    }
  };
  await Promise.all(Array.from({ length: atATime }, work));
}

/**
 * Sends so many messages where nothing says when to stop: in windows, of which two are under way at most.
 *
 * @param ask - sends the last one of a window. Resolves when it was received
 */
export async function inWindows(
  count: number,
  windowMessages: number,
  send: () => void,
  ask: () => Promise<unknown>,
): Promise<void> {
  let before: Promise<unknown> | undefined;
  for (let left = count; left > 0; left -= windowMessages) {
    for (let more = Math.min(left, windowMessages); more > 1; more -= 1) send();
    const answered = ask();
    await before;
    before = answered;
  }
  await before;
}

/** A stream of so many bytes, one chunk after the other. */
export function* chunksOf(bytes: number): Generator<Uint8Array> {
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (let left = bytes; left > 0; left -= chunk.length) yield chunk.subarray(0, left);
}
