import { addTallies, NOTHING } from '../stats.js';
import { type HopTraffic, Link, type LinkContext } from './link.js';
import { MAX_REPLICAS } from './membership.js';

/** What one link needs of its replica, beside what all links count together. */
export type LinkEnds = Omit<LinkContext, 'lastEpoch' | 'nextEpoch' | 'nextChannel'>;

/** The links to the other replicas. */
export class Links {
  readonly #endsOf: (replica: string) => LinkEnds;
  readonly #links = new Map<string, Link>();
  /** What is known of links that have ended: one to a replica that was only frozen begins behind it. */
  readonly #lastEpochs = new Map<string, number>();
  /** Of links that have ended. */
  #past: HopTraffic = { sent: NOTHING, received: NOTHING };
  #epoch = 0;
  #channel = 0;

  constructor(endsOf: (replica: string) => LinkEnds) {
    this.#endsOf = endsOf;
  }

  /** The link to a replica that lives. */
  to(replica: string): Link {
    const known = this.#links.get(replica);
    if (known !== undefined) return known;
    const link = new Link({
      ...this.#endsOf(replica),
      lastEpoch: this.#lastEpochs.get(replica) ?? 0,
      nextEpoch: () => (this.#epoch += 1),
      nextChannel: () => (this.#channel += 1),
    });
    this.#links.set(replica, link);
    return link;
  }

  /** The link to a replica, where there is one. */
  find(replica: string): Link | undefined {
    return this.#links.get(replica);
  }

  /** What went to each replica that lives, and came from it. */
  *traffic(): Generator<readonly [replica: string, traffic: HopTraffic]> {
    for (const [replica, { traffic }] of this.#links) yield [replica, traffic];
  }

  /** What went to all others, and came from them, those that are gone included. */
  get total(): HopTraffic {
    return [...this.#links.values()].map(({ traffic }) => traffic).reduce(addTraffic, this.#past);
  }

  /** Sends again what was not acknowledged. */
  repeat(isUrgent: boolean): void {
    for (const link of this.#links.values()) link.repeat(isUrgent);
  }

  /** Resolves when nothing is on its way. */
  async settled(): Promise<void> {
    await Promise.all([...this.#links.values()].map((link) => link.settled()));
  }

  /** Waits no more: what is on its way may arrive. */
  abandon(): void {
    for (const link of this.#links.values()) link.abandon();
  }

  /** A replica is gone: what was on its way to its endpoints may have arrived. */
  close(replica: string): void {
    const link = this.#links.get(replica);
    if (link === undefined) return;
    link.close();
    this.#links.delete(replica);
    this.#past = addTraffic(this.#past, link.traffic);
    this.#lastEpochs.delete(replica);
    this.#lastEpochs.set(replica, link.lastEpoch);
    const [oldest] = this.#lastEpochs.keys();
    if (this.#lastEpochs.size > MAX_REPLICAS && oldest !== undefined) this.#lastEpochs.delete(oldest);
  }

  /** Closes all. */
  closeAll(): void {
    for (const replica of this.#links.keys()) this.close(replica);
  }
}

function addTraffic(one: HopTraffic, other: HopTraffic): HopTraffic {
  return { sent: addTallies(one.sent, other.sent), received: addTallies(one.received, other.received) };
}
