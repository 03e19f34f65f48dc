import { concat, concatMap, defer, filter, from, map, type Observable, of, take, takeWhile } from 'rxjs';

import { backingOff, givingUp, poll } from './poll.js';
import type { Tuning } from './tuning.js';

/** After the other side has marked its end, its log is read until this many looks in a row find nothing. */
const LAST_LOOKS = 20;
const LAST_LOOK_MS = 50;

/** What to read, and when. */
export interface TailSource {
  /** The next bytes, or `undefined` where there are none yet. */
  read(): Promise<Uint8Array | undefined>;
  /** Whether the other side has marked its end. */
  isClosed(): Promise<boolean>;
  /** Whether bytes are wanted: now, and on each change. */
  readonly open$: Observable<boolean>;
  /** Emits when something may have come. Never errors. */
  readonly wake$: Observable<unknown>;
}

/**
 * The bytes of a log as they come. Completes when the other side has marked its end and all that it wrote is
 * read: the mark follows all data, but on a networked file system either may be seen first, so some more looks
 * follow (NVFlare's `DRAIN_GRACE_POLLS`).
 */
export function tailLog(source: TailSource, tuning: Tuning): Observable<Uint8Array> {
  const { pollIntervalMs, maxPollIntervalMs } = tuning;
  const whenOpen$ = source.open$.pipe(
    filter((isOpen) => isOpen),
    take(1),
  );
  const read$ = whenOpen$.pipe(
    concatMap(() => source.read()),
    // It may have been paused during the read.
    concatMap((chunk) => (chunk === undefined ? of(chunk) : whenOpen$.pipe(map(() => chunk)))),
  );
  const readOrEnd$ = read$.pipe(
    concatMap((chunk) => (chunk === undefined ? from(endOf(source)) : of(chunk))),
  );
  return defer(() => {
    const living$ = poll(readOrEnd$, backingOff(pollIntervalMs, maxPollIntervalMs), source.wake$);
    const rest$ = poll(read$, givingUp(Math.min(pollIntervalMs, LAST_LOOK_MS), LAST_LOOKS));
    return concat(living$.pipe(takeWhile((found) => found !== 'end')), rest$);
  });
}

async function endOf(source: TailSource): Promise<'end' | undefined> {
  return (await source.isClosed()) ? 'end' : undefined;
}
