import { combineLatest, defer, map, type Observable, startWith, Subject } from 'rxjs';

import { type Endpoint, isReady } from '../endpoint.js';

/** A cell that is known to be there. */
export interface KnownCell {
  /** Its name. */
  readonly fqcn: string;
  /** The neighbour that leads there: the cell itself, where it is connected to us. */
  readonly via: string;
}

/** Maximum number of cells behind neighbours that are remembered; the oldest entry is evicted first. */
const MAX_SEEN = 1_000;

/** The cells that are known: neighbours by their connections, others by what came from them. */
export class KnownCells {
  /** Which neighbour brought the last message of a cell that is none. */
  readonly #seen = new Map<string, string>();
  readonly #changes = new Subject<void>();

  /** Notes that a neighbour brought a message of a cell. */
  note(origin: string, neighbour: string): void {
    if (origin === neighbour || this.#seen.get(origin) === neighbour) return;
    this.#seen.delete(origin);
    this.#seen.set(origin, neighbour);
    for (const first of this.#seen.keys()) {
      if (this.#seen.size <= MAX_SEEN) break;
      this.#seen.delete(first);
    }
    this.#changes.next();
  }

  /** The cells by name, at once and after each change. Those behind a neighbour go when it goes. */
  cells(endpoints$: Observable<ReadonlyMap<string, Endpoint>>): Observable<ReadonlyMap<string, KnownCell>> {
    const seen$ = defer(() => this.#changes.pipe(startWith(undefined)));
    return combineLatest([endpoints$, seen$]).pipe(map(([endpoints]) => this.#snapshot(endpoints)));
  }

  #snapshot(endpoints: ReadonlyMap<string, Endpoint>): ReadonlyMap<string, KnownCell> {
    const cells = new Map<string, KnownCell>();
    for (const endpoint of endpoints.values())
      if (isReady(endpoint)) cells.set(endpoint.name, { fqcn: endpoint.name, via: endpoint.name });
    for (const [fqcn, via] of this.#seen)
      if (cells.get(via)?.via === via && !cells.has(fqcn)) cells.set(fqcn, { fqcn, via });
    return cells;
  }
}
