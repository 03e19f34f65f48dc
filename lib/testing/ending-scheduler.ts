import type { SchedulerAction, SchedulerLike } from 'rxjs';

/**
 * A scheduler on which nothing happens after `endMs`. A `TestScheduler` runs until nothing is scheduled any more,
 * and heartbeats and reconnecting would go on for ever.
 */
export function endingScheduler(scheduler: SchedulerLike, endMs: number): SchedulerLike {
  return {
    now: () => scheduler.now(),
    schedule: (work, delayMs, state) =>
      scheduler.schedule(
        function (this: SchedulerAction<typeof state>, current) {
          if (scheduler.now() <= endMs) work.call(this, current as NonNullable<typeof current>);
        },
        delayMs,
        state,
      ),
  };
}
