import { type HopStats, NOTHING, type Tally } from '../stats.js';
import { MAX_HOPS } from './beat.js';
import type { HopTraffic } from './link.js';

/** The links to the other replicas, as far as the hops need them. */
export interface HopLinks {
  find(replica: string): { readonly traffic: HopTraffic } | undefined;
  traffic(): Iterable<readonly [replica: string, traffic: HopTraffic]>;
}

/** The traffic between replicas: that of our links, and what the others tell of theirs. */
export class Hops {
  readonly #self: string;
  readonly #links: HopLinks;
  /** By the replica that told it. */
  readonly #told = new Map<string, readonly HopStats[]>();

  constructor(self: string, links: HopLinks) {
    this.#self = self;
    this.#links = links;
  }

  /** What we sent to each other replica, the busiest at most, for a sign of life. */
  get summary(): readonly HopStats[] {
    return [...this.#ours].sort((a, b) => b.bytes - a.bytes).slice(0, MAX_HOPS);
  }

  /** What a replica sent to others: of ours, and to us, exactly; else as it told. */
  sentBy(replica: string): readonly HopStats[] {
    if (replica === this.#self) return this.#ours;
    const toUs = hop(this.#self, this.#links.find(replica)?.traffic.received ?? NOTHING);
    return [...toUs, ...(this.#told.get(replica) ?? []).filter(({ to }) => to !== this.#self)];
  }

  /** Another replica tells what it sent. */
  take(replica: string, sentTo: readonly HopStats[]): void {
    this.#told.set(replica, sentTo);
  }

  /** A replica is gone, and what it told. */
  forget(replica: string): void {
    this.#told.delete(replica);
  }

  get #ours(): readonly HopStats[] {
    return [...this.#links.traffic()].flatMap(([to, { sent }]) => hop(to, sent));
  }
}

function hop(to: string, { messages, bytes }: Tally): readonly HopStats[] {
  return messages === 0 ? [] : [{ to, messages, bytes }];
}
