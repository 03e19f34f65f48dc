import type { FobsDialect } from '../fobs/sections.js';
import { CELL_SHARES, FairMap } from './fair-map.js';

/** What is known of how a cell speaks. */
interface Dialect {
  /** How it writes FOBS. */
  readonly fobs?: FobsDialect;
  /** It acknowledges streams by sequence, so that lost chunks can be sent again: NVFlare 2.9. */
  readonly reliable?: boolean;
}

/** What each cell can do. None says so: what it sends tells. */
export class PeerDialects {
  readonly #peers = new FairMap<Dialect>(CELL_SHARES);

  /** What is known of a cell. */
  of(fqcn: string): Dialect {
    return this.#peers.get(fqcn) ?? {};
  }

  /** Notes what a message of a cell showed, which a neighbour brought. */
  learn(fqcn: string, shown: Dialect, neighbour: string): void {
    const known = this.of(fqcn);
    const { fobs = known.fobs, reliable = known.reliable } = shown;
    if (fobs === known.fobs && reliable === known.reliable) this.#peers.refresh(fqcn);
    else this.#peers.set(fqcn, { ...known, ...shown }, neighbour);
  }
}
