import {
  asyncScheduler,
  combineLatest,
  defer,
  map,
  type Observable,
  type SchedulerLike,
  startWith,
  Subject,
  throttleTime,
} from 'rxjs';

import { type Endpoint, isReady } from '../endpoint.js';
import { CELL_SHARES, FairMap } from './fair-map.js';

/** A cell that is known to be there. */
export interface KnownCell {
  /** Its name. */
  readonly fqcn: string;
  /** The neighbour that leads there: the cell itself, where it is connected to us. */
  readonly via: string;
}

/** The least time between two emissions for cells behind neighbours: each is a map of all of them. */
const CHANGES_MS = 100;

/** The cells that are known: neighbours by their connections, others by what came from them. */
export class KnownCells {
  /** The neighbour that brought the last message of each cell behind a neighbour. */
  readonly #seen = new FairMap<string>(CELL_SHARES);
  readonly #changes = new Subject<void>();

  /** Notes that a neighbour brought a message of a cell. */
  note(origin: string, neighbour: string): void {
    if (origin === neighbour || this.#seen.get(origin) === neighbour) return;
    this.#seen.set(origin, neighbour, neighbour);
    this.#changes.next();
  }

  /** A neighbour has gone, and what was behind it is known no more. */
  forget(neighbour: string): void {
    if (this.#seen.deleteOwned(neighbour)) this.#changes.next();
  }

  /**
   * The cells by name, at once and after each change; those behind neighbours at most ten times a second. They go when
   * their neighbour goes.
   */
  cells(
    endpoints$: Observable<ReadonlyMap<string, Endpoint>>,
    scheduler: SchedulerLike = asyncScheduler,
  ): Observable<ReadonlyMap<string, KnownCell>> {
    const seen$ = defer(() =>
      this.#changes.pipe(
        throttleTime(CHANGES_MS, scheduler, { leading: true, trailing: true }),
        startWith(undefined),
      ),
    );
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
