import { Subscription } from 'rxjs';

import { messageOf } from '../comm-error.js';
import { logger } from '../log.js';

const log = logger('cellnet');

/** The handlers that work on a reply, by the neighbour that their requests came from. */
export class RunningHandlers {
  readonly #running = new Map<string, Set<Subscription>>();

  /** Whether any works for this neighbour. */
  has(neighbour: string): boolean {
    return this.#running.has(neighbour);
  }

  /** @param work - what the handler does, until it is unsubscribed */
  add(neighbour: string, work: Subscription): void {
    if (work.closed) return;
    const all = this.#running.get(neighbour) ?? new Set();
    this.#running.set(neighbour, all.add(work));
    work.add(() => {
      all.delete(work);
      if (all.size === 0) this.#running.delete(neighbour);
    });
  }

  /** Nobody waits for these replies any more. */
  cancel(neighbour: string): void {
    // One subscription of all: where a handler throws when it is unsubscribed, the others are all the same.
    const work = new Subscription();
    for (const each of this.#running.get(neighbour) ?? []) work.add(each);
    try {
      work.unsubscribe();
    } catch (thrown) {
      log('a handler of a request of %s could not be ended: %s', neighbour, messageOf(thrown));
    }
  }

  /** As {@link cancel}, for all neighbours. */
  cancelAll(): void {
    for (const neighbour of [...this.#running.keys()]) this.cancel(neighbour);
  }
}
