import { EMPTY, from, interval, mergeMap, type Observable, type SchedulerLike } from 'rxjs';

/** The sweep looks at least this often, as NVFlare does. */
const MAX_TICK_MS = 5_000;

/** How many times the sweep looks within the shorter of the two times. */
const TICKS = 4;

/** What a heartbeat watches: a session, seen from its side. */
export interface Heart {
  /** A number that grows with each sign of life. */
  readonly activity: number;
  /** Nothing can be heard of it now, by our own choice. */
  readonly isPaused: boolean;
}

/** What is to be done for a heart that went silent. */
export interface HeartbeatEvent<H extends Heart> {
  readonly type: 'ping' | 'timeout';
  readonly heart: H;
}

/** When a heart is asked for a sign, and when it is given up. 0 turns either off. */
export interface HeartbeatOptions {
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

interface Pulse {
  activity: number;
  /** When the last sign of life was seen. */
  heardAt: number;
  /** When the last PING went out, if nothing was heard since. */
  askedAt: number | undefined;
}

/**
 * Watches all hearts with one timer: `ping` after `intervalMs` of silence, `timeout` when `timeoutMs` more pass
 * without a sign of life of any kind.
 *
 * @param hearts - asked on each sweep for those to watch
 */
export function heartbeat<H extends Heart>(
  hearts: () => Iterable<H>,
  { intervalMs, timeoutMs }: HeartbeatOptions,
  scheduler: SchedulerLike,
): Observable<HeartbeatEvent<H>> {
  if (intervalMs === 0) return EMPTY;
  const pulses = new WeakMap<H, Pulse>();
  const shorter = timeoutMs === 0 ? intervalMs : Math.min(intervalMs, timeoutMs);
  const tickMs = Math.min(MAX_TICK_MS, Math.max(1, shorter / TICKS));
  let sweptAt = scheduler.now();
  return interval(tickMs, scheduler).pipe(mergeMap(() => from(sweep(scheduler.now()))));

  function* sweep(now: number): Generator<HeartbeatEvent<H>> {
    // Whoever was frozen, or busy for long, comes by here before reading what has come meanwhile.
    const isLate = now - sweptAt >= 2 * tickMs;
    sweptAt = now;
    for (const heart of hearts()) {
      const { activity, isPaused } = heart;
      const pulse = pulses.get(heart);
      if (pulse?.activity !== activity || isPaused) {
        pulses.set(heart, { activity, heardAt: now, askedAt: undefined });
      } else if (pulse.askedAt === undefined) {
        if (now - pulse.heardAt < intervalMs) continue;
        pulse.askedAt = now;
        yield { type: 'ping', heart };
      } else if (timeoutMs > 0 && now - pulse.askedAt >= timeoutMs) {
        if (!isLate) yield { type: 'timeout', heart };
      } else if (timeoutMs === 0 && now - pulse.askedAt >= intervalMs) {
        pulse.askedAt = now;
        yield { type: 'ping', heart };
      }
    }
  }
}
