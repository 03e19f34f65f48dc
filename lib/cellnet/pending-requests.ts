import {
  concat,
  defer,
  filter,
  finalize,
  from,
  map,
  merge,
  type Observable,
  type SchedulerLike,
  startWith,
  switchMap,
  take,
  takeUntil,
  timer,
} from 'rxjs';

import { KeyedSource } from '../transport/keyed-source.js';
import { CellError, closedError } from './cell-error.js';
import type { CellReply } from './cell-message.js';
import { ReturnCode } from './return-code.js';

/** How a request to one cell of several ended. */
export type Outcome =
  | { readonly target: string; readonly reply: CellReply; readonly error?: undefined }
  | { readonly target: string; readonly error: CellError; readonly reply?: undefined };

/** The requests that wait for replies, by request ID. */
export class PendingRequests {
  readonly #outcomes = new KeyedSource<string, Outcome>();
  readonly #moves = new KeyedSource<string, undefined>();
  /** The targets that have not replied. */
  readonly #left = new Map<string, Set<string>>();
  /** The requests of one message each: a stream goes on when a neighbour comes back. */
  readonly #messages = new Set<string>();
  readonly #scheduler: SchedulerLike;
  #isClosed = false;

  /** @param scheduler - what time-outs are measured by */
  constructor(scheduler: SchedulerLike) {
    this.#scheduler = scheduler;
  }

  /**
   * Ends the wait for one target.
   *
   * @returns false where nobody waits for it: late, a second time, or never asked
   */
  settle(id: string, outcome: Outcome): boolean {
    return this.#left.get(id)?.delete(outcome.target) === true && this.#outcomes.next(id, outcome);
  }

  /**
   * The outcomes as they come, one per target: a reply, a failure to send, or that the time is over. Cold.
   *
   * @param restarts - the time begins anew at each `touch`
   * @param send - called for each target; returns why it could not be asked
   */
  outcomes(
    id: string,
    targets: ReadonlySet<string>,
    timeoutMs: number,
    send: (target: string) => CellError | undefined,
    restarts = false,
  ): Observable<Outcome> {
    return defer(() => {
      const left = new Set(targets);
      this.#left.set(id, left);
      if (!restarts) this.#messages.add(id);
      const failed$ = from(targets).pipe(
        map((target) => ({ target, error: send(target) })),
        filter((outcome): outcome is Outcome & { error: CellError } => outcome.error !== undefined),
        filter(({ target }) => left.delete(target)),
      );
      const settled$ = merge(this.#outcomes.values(id), failed$).pipe(
        take(targets.size),
        takeUntil(restarts ? this.#silence(id, timeoutMs) : timer(timeoutMs, this.#scheduler)),
      );
      const givenUp$ = defer(() => from([...left].map((target) => this.#giveUp(target, timeoutMs))));
      return concat(settled$, givenUp$);
    }).pipe(
      finalize(() => {
        this.#left.delete(id);
        this.#messages.delete(id);
      }),
    );
  }

  /** Something of a request has moved, or of its reply. */
  touch(id: string): void {
    this.#moves.next(id, undefined);
  }

  /** Whether a reply of this target is waited for. */
  isWaiting(id: string, target: string): boolean {
    return this.#left.get(id)?.has(target) === true;
  }

  /** Ends the wait for a neighbour that has gone, but for requests that are streams. */
  lose(target: string): void {
    for (const id of this.#messages) {
      const text = `cell ${target}: it disconnected before it replied`;
      this.settle(id, { target, error: new CellError(ReturnCode.COMM_ERROR, text, target) });
    }
  }

  /** Gives up all that wait. */
  close(): void {
    this.#isClosed = true;
    this.#outcomes.complete();
  }

  #silence(id: string, timeoutMs: number): Observable<unknown> {
    return this.#moves.values(id).pipe(
      startWith(undefined),
      switchMap(() => timer(timeoutMs, this.#scheduler)),
    );
  }

  #giveUp(target: string, timeoutMs: number): Outcome {
    const error = this.#isClosed
      ? closedError(target)
      : new CellError(ReturnCode.TIMEOUT, `cell ${target}: no reply came within ${timeoutMs} ms`, target);
    return { target, error };
  }
}
