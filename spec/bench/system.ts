import type { NodeStart } from './child.js';

/** What is measured: two ends of one transport, each in a process of its own. */
export interface System {
  /** `rxflare`, `node:net`, `NVFlare 2.9.0`, ... */
  readonly name: string;
  readonly transport: string;
  /** How Node is started for it, where that is not the usual way. */
  readonly node?: NodeStart;
  /** Begins to receive, and tells where. */
  serve(): Promise<Served>;
  /** Connects to what another process serves. */
  connect(address: string): Promise<Client>;
}

/** The receiving end. It sends back what is of kind `last` or `echo`. */
export interface Served {
  readonly address: string;
  close(): Promise<void>;
}

/** The sending end. */
export interface Client {
  /** Sends as fast as the transport takes them; the seconds until the last one was received. */
  oneWay(payload: Uint8Array, count: number): Promise<number>;
  /** One message there and back, `count` times; the seconds of each. */
  echo(payload: Uint8Array, count: number): Promise<number[]>;
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

/** A sending end without a clock. */
export interface Sender {
  /** Resolves when the last one was received. */
  oneWay(payload: Uint8Array, count: number): Promise<void>;
  /** One message there and back. */
  echo(payload: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Puts a clock to a sender. */
export function timed(sender: Sender): Client {
  const secondsOf = async (work: () => Promise<void>): Promise<number> => {
    const startedAt = performance.now();
    await work();
    return (performance.now() - startedAt) / 1000;
  };
  return {
    oneWay: (payload, count) => secondsOf(() => sender.oneWay(payload, count)),
    async echo(payload, count) {
      const seconds: number[] = [];
      for (let left = count; left > 0; left -= 1) seconds.push(await secondsOf(() => sender.echo(payload)));
      return seconds;
    },
    close: () => sender.close(),
  };
}
