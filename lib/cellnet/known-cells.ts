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

/** A cell that is known to be there. */
export interface KnownCell {
  /** Its name. */
  readonly fqcn: string;
  /** The neighbour that leads there: the cell itself, where it is connected to us. */
  readonly via: string;
}

/** Maximum number of cells behind one neighbour that are remembered; its oldest entry is evicted first. */
const MAX_BEHIND = 1_000;
/** Maximum number behind all: beyond it, the oldest entry of the neighbour that has most is evicted. */
const MAX_SEEN = 10_000;

/** The least time between two emissions for cells behind neighbours: each is a map of all of them. */
const CHANGES_MS = 100;

/** The cells that are known: neighbours by their connections, others by what came from them. */
export class KnownCells {
  /** Which neighbour brought the last message of a cell that is none. */
  readonly #seen = new Map<string, string>();
  /** The same by neighbour, so that one which forges names evicts no others. */
  readonly #behind = new Map<string, Set<string>>();
  readonly #changes = new Subject<void>();

  /** Notes that a neighbour brought a message of a cell. */
  note(origin: string, neighbour: string): void {
    if (origin === neighbour || this.#seen.get(origin) === neighbour) return;
    this.#forget(origin);
    const behind = this.#behind.get(neighbour) ?? new Set();
    this.#behind.set(neighbour, behind.add(origin));
    this.#seen.set(origin, neighbour);
    if (behind.size > MAX_BEHIND) this.#forgetOldest(behind);
    if (this.#seen.size > MAX_SEEN) this.#forgetOldest(this.#largest(behind));
    this.#changes.next();
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

  #forgetOldest(behind: ReadonlySet<string>): void {
    for (const oldest of behind) {
      this.#forget(oldest);
      return;
    }
  }

  #forget(origin: string): void {
    const neighbour = this.#seen.get(origin);
    if (neighbour === undefined) return;
    this.#seen.delete(origin);
    const behind = this.#behind.get(neighbour);
    behind?.delete(origin);
    if (behind?.size === 0) this.#behind.delete(neighbour);
  }

  #largest(first: ReadonlySet<string>): ReadonlySet<string> {
    let largest = first;
    for (const behind of this.#behind.values()) if (behind.size > largest.size) largest = behind;
    return largest;
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
