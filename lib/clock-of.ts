import { asyncScheduler, type SchedulerLike } from 'rxjs';

const preciseNow = (): number => performance.now();

/** A clock that never goes back: milliseconds with parts of them, or those of the virtual time of a scheduler. */
export function clockOf(scheduler: SchedulerLike): () => number {
  return scheduler === asyncScheduler ? preciseNow : () => scheduler.now();
}
