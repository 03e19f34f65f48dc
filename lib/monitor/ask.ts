import {
  asyncScheduler,
  defer,
  EMPTY,
  filter,
  ignoreElements,
  map,
  merge,
  type Observable,
  type SchedulerLike,
  switchMap,
  throwError,
  timeout,
} from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { Communicator } from '../communicator.js';
import { EndpointState } from '../endpoint.js';
import type { Message } from '../message.js';
import { whenRoom } from './courtesy.js';

/** How another endpoint is asked. */
export interface WatchOptions {
  /** The app ID that the other side serves on; that of the service in `MonitorAppIds` unless told. */
  readonly appId?: number;
  /** How long to wait for the first answer, 5 s unless told. */
  readonly timeoutMs?: number;
  /** Where the time for that comes from. */
  readonly scheduler?: SchedulerLike;
}

/** What `ask` does where it is not told otherwise. */
export const ASK_DEFAULTS = {
  timeoutMs: 5_000,
  scheduler: asyncScheduler,
} satisfies WatchOptions;

/** A request, and how to read what comes back. */
export interface Question<A> {
  readonly id: number;
  readonly message: Message;
  /** `undefined` for what is no answer at all. */
  readonly read: (message: Message) => A | Refusal | undefined;
  /** What to do where no answer comes, for the message of the error. */
  readonly advice: string;
}

interface Answer {
  readonly type: string;
  readonly id: number;
}

interface Refusal extends Answer {
  readonly type: 'refused';
  readonly code: CommErrorCode;
  readonly text: string;
}

/**
 * Sends a question to an endpoint that is READY, as soon as there is room, and emits the answers to it. Errors with
 * CommError `TIMEOUT` where none comes, and with the code of a refusal.
 */
export function ask<A extends Answer>(
  communicator: Communicator,
  endpointName: string,
  { id, message, read, advice }: Question<A>,
  { appId, timeoutMs, scheduler }: Required<WatchOptions>,
): Observable<Exclude<A, Refusal>> {
  const sent$ = defer(() =>
    whenRoom(communicator, endpointName, () => communicator.send(endpointName, appId, message)),
  );
  const answer$ = communicator.messages(appId).pipe(
    filter(({ endpoint }) => endpoint.name === endpointName),
    map((received) => read(received.message)),
    filter((answer) => answer?.id === id),
    filter((answer) => answer !== undefined),
  );
  const silent = (): CommError =>
    new CommError(CommErrorCode.TIMEOUT, `${endpointName}: no answer came within ${timeoutMs} ms: ${advice}`);
  return merge(answer$, sent$.pipe(ignoreElements())).pipe(
    timeout({ first: timeoutMs, scheduler, with: () => throwError(() => silent()) }),
    map((answer) => {
      if (isRefusal(answer)) throw new CommError(answer.code, `${endpointName}: ${answer.text}`);
      return answer as Exclude<A, Refusal>;
    }),
  );
}

/** Subscribes to what `make` returns while the endpoint is READY, each time anew. */
export function whileReady<T>(
  communicator: Communicator,
  endpointName: string,
  make: () => Observable<T>,
): Observable<T> {
  return communicator
    .endpoint(endpointName)
    .pipe(switchMap((endpoint) => (endpoint?.state === EndpointState.READY ? make() : EMPTY)));
}

/** @throws CommError `BAD_CONFIG` where `periodMs` is not above 0 */
export function requirePeriod(caller: string, periodMs: number): void {
  if (periodMs > 0 && Number.isFinite(periodMs)) return;
  throw new CommError(CommErrorCode.BAD_CONFIG, `${caller}: expected a period above 0 ms, got ${periodMs}`);
}

function isRefusal(answer: Answer): answer is Refusal {
  return answer.type === 'refused';
}

let lastId = 0;

/** An ID for the next question; unique in this process. */
export function newQuestionId(): number {
  lastId += 1;
  return lastId;
}
