import { defer, from, interval, mergeMap, type Observable, type SchedulerLike } from 'rxjs';

/** The sweep looks at least this often, as NVFlare does. */
const MAX_TICK_MS = 5_000;

/** How many times the sweep looks within the shorter of the two times. */
const TICKS = 4;

/** What a heartbeat watches: a session, seen from its side. */
export interface Heart {
  /** A number that grows with each sign of life. */
  readonly activity: number;
  /** We have stopped reading, so nothing can be heard. */
  readonly isPaused: boolean;
  /** What was heard of it so far; `undefined` until the first look. */
  pulse: Pulse | undefined;
}

/** When a heart was heard, and asked. */
export interface Pulse {
  readonly activity: number;
  /** When the last sign of life was seen. */
  readonly heardAt: number;
  /** When it was asked for a sign of life, if none has come since. */
  readonly askedAt: number | undefined;
}

/** What is to be done for a heart. */
export interface HeartbeatEvent<H extends Heart> {
  /** Ask it for a sign of life; or it has given none in time. */
  readonly type: 'ask' | 'silent';
  readonly heart: H;
}

/** When a heart is asked for a sign, and when it is given up. 0 turns either off; a paused one is asked all the same. */
export interface HeartbeatOptions {
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** Looks for a sign of life since the last look. */
export function lookAt(heart: Heart, now: number): Pulse {
  const { activity, pulse } = heart;
  if (pulse?.activity === activity) return pulse;
  return (heart.pulse = { activity, heardAt: now, askedAt: undefined });
}

/** Notes that a heart is asked now. */
export function noteAsked(heart: Heart, now: number): Pulse {
  return (heart.pulse = { ...lookAt(heart, now), askedAt: now });
}

/**
 * Watches all hearts with one timer: `ask` after `intervalMs` of silence, `silent` when `timeoutMs` more pass without
 * a sign of life of any kind.
 *
 * A heart that is paused is not judged, since we do not hear it. It is asked on each sweep: that is our own sign of
 * life, without which its side would take us for dead, since we answer nothing.
 *
 * @param hearts - called on each sweep for those to watch
 */
export function heartbeat<H extends Heart>(
  hearts: () => Iterable<H>,
  { intervalMs, timeoutMs }: HeartbeatOptions,
  scheduler: SchedulerLike,
): Observable<HeartbeatEvent<H>> {
  const shortest = Math.min(...[intervalMs, timeoutMs].filter((ms) => ms > 0));
  const tickMs = Math.min(MAX_TICK_MS, Math.max(1, shortest / TICKS));
  let sweptAt = 0;
  return defer(() => {
    sweptAt = scheduler.now();
    return interval(tickMs, scheduler).pipe(mergeMap(() => from(sweep(scheduler.now()))));
  });

  function* sweep(now: number): Generator<HeartbeatEvent<H>> {
    // After a freeze, timers run before sockets are read: silence proves nothing until the next sweep.
    const isLate = now - sweptAt >= 2 * tickMs;
    sweptAt = now;
    for (const heart of hearts()) {
      if (heart.isPaused) {
        heart.pulse = undefined;
        yield { type: 'ask', heart };
        continue;
      }
      const verdict = judge(lookAt(heart, now), now);
      if (verdict === 'ask') noteAsked(heart, now);
      if (verdict === 'ask' || (verdict === 'silent' && !isLate)) yield { type: verdict, heart };
    }
  }

  function judge({ heardAt, askedAt }: Pulse, now: number): 'ask' | 'silent' | undefined {
    if (intervalMs === 0) return undefined;
    if (askedAt === undefined) return now - heardAt >= intervalMs ? 'ask' : undefined;
    if (timeoutMs === 0) return now - askedAt >= intervalMs ? 'ask' : undefined;
    return now - askedAt >= timeoutMs ? 'silent' : undefined;
  }
}
