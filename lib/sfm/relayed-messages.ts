import type { Losses, Origin } from '../cluster-contract.js';
import { Fifo } from '../transport/fifo.js';
import { Counter } from './traffic.js';

/** A message that another replica accepted, on its way out here. */
export interface RelayedMessage {
  /** Its number among all messages of the endpoint. */
  readonly position: number;
  readonly bytes: number;
  readonly origin: Origin;
}

/** The messages of other replicas in the queue of one endpoint, until it is known what becomes of each. */
export class RelayedMessages {
  readonly #onTheirWay = new Fifo<RelayedMessage>();
  /** Those that connections had which have ended, or are about to. */
  #detached: RelayedMessage[] = [];
  #detachedAt = 0;

  /** Takes one message. Positions grow. */
  add(message: RelayedMessage): void {
    this.#onTheirWay.push(message);
  }

  /** All messages up to a position are with the operating system. */
  written(position: number): void {
    for (const { origin, bytes } of this.#upTo(position)) origin.written(bytes);
  }

  /** Takes the message at a position out, where that is one of another replica. */
  take(position: number): RelayedMessage | undefined {
    return this.#onTheirWay.peek()?.position === position ? this.#onTheirWay.shift() : undefined;
  }

  /** The connection that has the messages up to a position takes no more, and confirms none. */
  detach(position: number): void {
    this.#detachedAt = position;
    for (const message of this.#upTo(position)) this.#detached.push(message);
  }

  /**
   * Some of the detached messages are lost: the last ones, of which the first are `unknown`. The others were written.
   *
   * @returns what was lost of them
   */
  lose({ undelivered, unknown }: Losses): Losses {
    const firstUndelivered = this.#detachedAt - undelivered.messages;
    const firstUnknown = firstUndelivered - unknown.messages;
    const lost = { undelivered: new Counter(), unknown: new Counter() };
    const byOrigin = new Map<Origin, typeof lost>();
    for (const { position, bytes, origin } of this.#detached) {
      if (position <= firstUnknown) {
        origin.written(bytes);
        continue;
      }
      const kind = position > firstUndelivered ? 'undelivered' : 'unknown';
      const ofOrigin = byOrigin.get(origin) ?? { undelivered: new Counter(), unknown: new Counter() };
      byOrigin.set(origin, ofOrigin);
      ofOrigin[kind].count(bytes);
      lost[kind].count(bytes);
    }
    this.#detached = [];
    for (const [origin, ofOrigin] of byOrigin) origin.lost(ofOrigin);
    return lost;
  }

  *#upTo(position: number): Generator<RelayedMessage> {
    while ((this.#onTheirWay.peek()?.position ?? Infinity) <= position) {
      const message = this.#onTheirWay.shift();
      if (message !== undefined) yield message;
    }
  }
}

/** Losses without some of them, which may have more bytes: of a message that was half written, all only tell the rest. */
export function withoutLosses(all: Losses, some: Losses): Losses {
  const minus = (from: Losses['unknown'], tally: Losses['unknown']) => ({
    messages: from.messages - tally.messages,
    bytes: Math.max(0, from.bytes - tally.bytes),
  });
  return {
    undelivered: minus(all.undelivered, some.undelivered),
    unknown: minus(all.unknown, some.unknown),
  };
}
