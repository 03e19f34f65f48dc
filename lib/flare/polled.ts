import {
  catchError,
  defer,
  distinctUntilChanged,
  EMPTY,
  finalize,
  map,
  type Observable,
  of,
  repeat,
  type SchedulerLike,
  shareReplay,
  switchMap,
  take,
  takeUntil,
  tap,
  timer,
} from 'rxjs';

import { clockOf } from '../clock-of.js';
import { CommError, CommErrorCode } from '../comm-error.js';
import { FlareError, FlareStatus } from './flare-error.js';

/** How often a question is asked. */
export interface PollTimes {
  /** In milliseconds; after an answer like the one before it is asked after twice as long, up to `idlePollMs`. */
  readonly pollMs: number;
  readonly idlePollMs: number;
  readonly scheduler: SchedulerLike;
}

/** Of the time, no more than a tenth goes to a question that takes long to answer, unless that is more than `idlePollMs`. */
const MIN_REST = 9;

/** Questions that are asked again and again, each once for all who want to know. */
export class Polls {
  readonly #times: PollTimes;
  readonly #end$: Observable<unknown>;
  readonly #here$: Observable<unknown>;
  readonly #open = new Map<string, Observable<unknown>>();

  /**
   * @param end$ - ends all of them, or fails them
   * @param here$ - emits once the server is there; before, none is asked. Default: it is
   */
  constructor(times: PollTimes, end$: Observable<unknown>, here$: Observable<unknown> = of(true)) {
    this.#times = times;
    this.#end$ = end$;
    this.#here$ = here$.pipe(take(1));
  }

  /**
   * Asks while anybody subscribes, and emits each answer that is not like the one before; who comes later gets the last one
   * at once. It goes on where the server is away; other failures are its own.
   *
   * @param key - of the question
   * @param question$ - cold; emits one answer, whose form in JSON tells whether it is like another
   */
  of<T>(key: string, question$: Observable<T>): Observable<T> {
    return this.shared(key, polled(question$, this.#here$, this.#times));
  }

  /** Subscribes once for all who want to know. @param key - of the stream, which no question has */
  shared<T>(key: string, source$: Observable<T>): Observable<T> {
    return defer(() => {
      const shared$ =
        this.#open.get(key) ??
        source$.pipe(
          takeUntil(this.#end$),
          finalize(() => this.#open.delete(key)),
          shareReplay({ bufferSize: 1, refCount: true }),
        );
      this.#open.set(key, shared$);
      return shared$ as Observable<T>;
    });
  }

  get scheduler(): SchedulerLike {
    return this.#times.scheduler;
  }
}

function polled<T>(
  question$: Observable<T>,
  here$: Observable<unknown>,
  { pollMs, idlePollMs, scheduler }: PollTimes,
): Observable<T> {
  const now = clockOf(scheduler);
  const answers$ = defer(() => {
    let waitMs = pollMs;
    let last: string | undefined;
    const timed$ = defer(() => {
      let begun = 0;
      return here$.pipe(
        switchMap(() => {
          begun = now();
          return question$;
        }),
        map((answer) => ({ answer, form: JSON.stringify(answer) })),
        tap(({ form }) => {
          const slower = form === last ? Math.min(waitMs * 2, idlePollMs) : pollMs;
          waitMs = Math.max(slower, Math.min((now() - begun) * MIN_REST, idlePollMs));
          last = form;
        }),
        catchError((error: unknown) => {
          if (isPassing(error)) return EMPTY;
          throw error;
        }),
      );
    });
    return timed$.pipe(repeat({ delay: () => timer(waitMs, scheduler) }));
  });
  return answers$.pipe(
    distinctUntilChanged((one, other) => one.form === other.form),
    map(({ answer }) => answer),
  );
}

const PASSING: readonly FlareStatus[] = [FlareStatus.NO_CONNECTION, FlareStatus.NO_REPLY];

/** Whether a failure is one of the connection, which may be back. */
export function isPassing(error: unknown): boolean {
  if (error instanceof FlareError) return PASSING.includes(error.status);
  if (!(error instanceof CommError)) return false;
  const { TIMEOUT, CLOSED, NOT_READY } = CommErrorCode;
  return error.code === TIMEOUT || error.code === CLOSED || error.code === NOT_READY;
}
