import { catchError, of, type SchedulerLike, timer } from 'rxjs';

import type { Communicator } from '../communicator.js';
import { logger } from '../log.js';
import { quoted } from '../quoted.js';

const log = logger('cellnet');

/** A neighbour that takes nothing for so long delays nobody any more. */
const MAX_WAIT_MS = 10_000;

/** Waits until neighbours whose queues are full take more, for 10 seconds at most. */
export class FullNeighbours {
  readonly #communicator: Communicator;
  readonly #scheduler: SchedulerLike;
  /** By the name of the neighbour, until it takes more. */
  readonly #waits = new Map<string, Promise<void>>();

  constructor(communicator: Communicator, scheduler: SchedulerLike) {
    this.#communicator = communicator;
    this.#scheduler = scheduler;
  }

  /** Settles when the neighbour takes more or has gone, or 10 seconds after its queue was full, for all who wait. */
  room(name: string): Promise<void> {
    return this.#waits.get(name) ?? this.#wait(name);
  }

  #wait(name: string): Promise<void> {
    let settle = (): void => undefined;
    const wait = new Promise<void>((resolve) => (settle = resolve));
    this.#waits.set(name, wait);
    const patience = timer(MAX_WAIT_MS, this.#scheduler).subscribe(() => {
      log('%s takes nothing: what others send to it waits no longer', quoted(name));
      settle();
    });
    const drained$ = this.#communicator.drained(name).pipe(catchError(() => of(undefined)));
    drained$.subscribe(() => {
      patience.unsubscribe();
      this.#waits.delete(name);
      settle();
    });
    return wait;
  }
}
