import type { FobsDialect } from '../fobs/sections.js';

/** Maximum number of cells that are remembered; the oldest entry is evicted first. */
const MAX_PEERS = 10_000;

/** What is known of how a cell speaks. */
interface Dialect {
  /** How it writes FOBS. */
  readonly fobs?: FobsDialect;
  /** It acknowledges streams by sequence, so that lost chunks can be sent again: NVFlare 2.9. */
  readonly reliable?: boolean;
}

/** What each cell can do. None says so: what it sends tells. */
export class PeerDialects {
  readonly #peers = new Map<string, Dialect>();

  /** What is known of a cell. */
  of(fqcn: string): Dialect {
    return this.#peers.get(fqcn) ?? {};
  }

  /** Notes what a message of a cell showed. */
  learn(fqcn: string, shown: Dialect): void {
    const known = this.of(fqcn);
    const { fobs = known.fobs, reliable = known.reliable } = shown;
    if (fobs === known.fobs && reliable === known.reliable) return;
    this.#peers.set(fqcn, { ...known, ...shown });
    for (const first of this.#peers.keys()) {
      if (this.#peers.size <= MAX_PEERS) break;
      this.#peers.delete(first);
    }
  }
}
