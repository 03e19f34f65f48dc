import { computed, inject, Injectable, signal } from '@angular/core';
import { toObservable, toSignal } from '@angular/core/rxjs-interop';
import { EndpointState } from 'rxflare';
import { injectCommunicator, injectEndpoints } from 'rxflare/angular';
import {
  askFederation,
  type FederationAnswers,
  type FederationQuestion,
  type SubmissionLine,
} from 'rxflare/flare/dashboard';
import {
  catchError,
  concat,
  defer,
  distinctUntilChanged,
  EMPTY,
  finalize,
  from,
  map,
  type Observable,
  of,
  retry,
  scan,
  switchMap,
  tap,
  throwError,
  timer,
} from 'rxjs';

import { PageAccess } from '../shared/page-access';
import { connectPage, RETRY_MS } from '../shared/page-endpoint';
import type { JobFile } from './dropped-folder';
import { submissionError, submissionLines } from './submission-lines';

/** What the back end said last, and why it says no more. */
export interface Told<T> {
  /** `undefined` before the first answer. */
  readonly value: T | undefined;
  /** Empty while all is well. */
  readonly fault: string;
}

/** What the page asks of the back end that it was loaded from. */
@Injectable({ providedIn: 'root' })
export class FederationConnection {
  readonly #access = inject(PageAccess);
  readonly #page = injectCommunicator();
  readonly #endpoints = injectEndpoints();

  /** The name of the back end while it is there. */
  readonly backEnd = computed(
    () => [...this.#endpoints().values()].find(({ state }) => state === EndpointState.READY)?.name,
  );
  readonly #backEnd$ = toObservable(this.backEnd);

  /** Whether the back end lets this page in. */
  readonly isAllowed$: Observable<boolean> = connectPage(
    this.#page,
    this.#access,
    this.#backEnd$.pipe(map(() => this.#endpoints().get(this.backEnd() ?? ''))),
  );

  /** How far the clock of the back end is before that of this page: the most, since a report can be old. */
  readonly #aheadMs = signal<number | undefined>(undefined);
  readonly #tick = toSignal(timer(0, 1_000).pipe(map(() => Date.now())), { initialValue: Date.now() });
  /** The time by the clock of the back end, each second. */
  readonly now = computed(() => this.#tick() + (this.#aheadMs() ?? 0));

  readonly system = toSignal(
    this.watch({ ask: 'system' }).pipe(tap(({ value }) => value && this.#readClock(value.at))),
    { initialValue: NOTHING },
  );
  readonly jobs = toSignal(this.watch({ ask: 'jobs' }), { initialValue: NOTHING });

  #readClock(at: number): void {
    const aheadMs = at - Date.now();
    this.#aheadMs.update((before = aheadMs) => Math.max(before, aheadMs));
  }

  /** What the back end tells, from whichever one is there; after a failure it is asked again. */
  watch<A extends FederationQuestion['ask']>(
    question: Extract<FederationQuestion, { ask: A }>,
  ): Observable<Told<FederationAnswers[A]>> {
    return this.watchThrough(question, (answers$) => answers$);
  }

  /** The same through an operator, which begins anew with each question. */
  watchThrough<A extends FederationQuestion['ask'], T>(
    question: Extract<FederationQuestion, { ask: A }>,
    operator: (answers$: Observable<FederationAnswers[A]>) => Observable<T>,
  ): Observable<Told<T>> {
    const ask = (backEnd: string): Observable<Partial<Told<T>>> =>
      operator(askFederation(this.#page, backEnd, question)).pipe(map((value) => ({ value, fault: '' })));
    return this.#backEnd$.pipe(
      distinctUntilChanged(),
      switchMap((backEnd) => (backEnd === undefined ? EMPTY : persistently(() => ask(backEnd)))),
      scan((told: Told<T>, next) => ({ ...told, ...next }), NOTHING),
    );
  }

  /** Asks once: what is answered until it is done. Errors where the back end is not there, or cannot. */
  ask<A extends FederationQuestion['ask']>(
    question: Extract<FederationQuestion, { ask: A }>,
  ): Observable<FederationAnswers[A]> {
    return defer(() => {
      const backEnd = this.backEnd();
      return backEnd === undefined
        ? throwError(() => new Error('The back end is not connected. Try again when it is.'))
        : askFederation(this.#page, backEnd, question);
    });
  }

  /** Where a path of the back end is. */
  urlOf(path: string): string {
    return this.#access.urlOf(path);
  }

  /** Submits the files of a job. Errors where the back end does not take them; unsubscribing ends it. */
  submit(files: readonly JobFile[]): Observable<SubmissionLine> {
    return defer(() => {
      const controller = new AbortController();
      const lines = submitting(this.urlOf('jobs'), this.#access.authorization, files, controller.signal);
      return from(lines).pipe(
        catchError((error: unknown) => throwError(() => submissionError(error))),
        finalize(() => controller.abort()),
      );
    });
  }
}

/** Before anything was told. */
export const NOTHING: Told<never> = { value: undefined, fault: '' };

/** Tells a failure, and asks again. */
function persistently<T>(ask: () => Observable<Partial<Told<T>>>): Observable<Partial<Told<T>>> {
  return defer(ask).pipe(
    catchError((error: unknown) =>
      concat(of({ fault: textOf(error) }), timer(RETRY_MS).pipe(switchMap(() => throwError(() => error)))),
    ),
    retry(),
  );
}

/** Posts the files, and reads the lines of the answer as they come. */
async function* submitting(
  url: string,
  authorization: string,
  files: readonly JobFile[],
  signal: AbortSignal,
): AsyncGenerator<SubmissionLine> {
  const body = new FormData();
  for (const { path, file } of files) body.append(path, file);
  const response = await fetch(url, {
    method: 'POST',
    body,
    signal,
    headers: { Authorization: authorization },
  });
  yield* submissionLines(response);
}

/** What an error says to people. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
