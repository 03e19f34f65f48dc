import {
  concat,
  concatMap,
  defer,
  EMPTY,
  expand,
  filter,
  finalize,
  map,
  type Observable,
  of,
  retry,
  type SchedulerLike,
  takeUntil,
  tap,
  throwError,
  timer,
} from 'rxjs';

import { badFobs } from '../fobs/bad-fobs.js';
import type { FobsValue } from '../fobs/value.js';
import { CellError, closedError } from './cell-error.js';
import { Confirm, isPullAnswer, Status } from './download-protocol.js';
import type { ReferenceOptions } from './reference-options.js';
import { ReturnCode } from './return-code.js';
import type { PullSource, SourceFailures } from './source-failures.js';

/** What an answer has: files with an array each, or the next bytes of a file. */
export type PullData = readonly Uint8Array[] | Uint8Array | null | undefined;

/** What a pull needs of a cell. */
export interface PullWire {
  /** Asks once, by a stream or by a message, and emits the payload of the reply. */
  ask(target: string, step: FobsValue, timeoutMs: number, stream: boolean): Observable<FobsValue>;
  /** Tells what needs no reply. It never throws. */
  tell(target: string, end: FobsValue): void;
}

/** What a pull is made with. */
export interface PullParts {
  readonly options: Required<ReferenceOptions>;
  readonly scheduler: SchedulerLike;
  readonly wire: PullWire;
  readonly failures: SourceFailures;
  /** Emits when the cell ends. */
  readonly end$: Observable<unknown>;
}

interface PullAnswer {
  readonly status: string;
  readonly data?: PullData;
  /** It is the other's own: it comes back with the next step. */
  readonly state?: FobsValue;
  readonly cancel_capable?: boolean | null | undefined;
  readonly confirm_expected?: boolean | null | undefined;
  readonly confirm_nonce?: string | null | undefined;
}

/** What comes of a step: items, and then the state that the next one begins with. */
type Step<T> = { readonly item: T } | { readonly state: FobsValue };

/** As often as NVFlare. */
const RETRIES = 3;
const FIRST_RETRY_MS = 2_000;

/**
 * Pulls what a cell keeps, step by step, until its source has no more. Cold; unsubscribing gives up, and says so.
 *
 * @param take - makes items of what a step brings, and of the state after it; the next step is asked for when these are complete
 * @param start - the state to begin with. Default: none, the beginning
 */
export function pullSteps<T>(
  { options, scheduler, wire, failures, end$ }: PullParts,
  source: PullSource,
  take: (data: PullData, state: FobsValue) => Observable<T>,
  start?: FobsValue,
): Observable<T> {
  const { fqcn, refId } = source;
  const { stepTimeoutMs, pullTimeoutMs } = options;
  return defer(() => {
    let canCancel = false;
    // A message that cannot get there comes back, and a reliable stream does not: it is sent again until it times out.
    let isFirst = true;
    const finish = (answer: PullAnswer): Observable<never> => {
      canCancel = false;
      const { status, confirm_expected: isExpected, confirm_nonce } = answer;
      const isWhole = status === Status.EOF;
      const confirm = isWhole ? Confirm.SUCCESS : Confirm.FAILED;
      if (isExpected === true) wire.tell(fqcn, { ref_id: refId, confirm, confirm_nonce });
      return isWhole ? EMPTY : throwError(() => new CellError(ReturnCode.COMM_ERROR, 'its source failed'));
    };
    const step = (state?: FobsValue): Observable<Step<T>> =>
      defer(() => {
        const stream = !isFirst;
        isFirst = false;
        return wire.ask(fqcn, { ref_id: refId, confirm_capable: true, state }, stepTimeoutMs, stream);
      }).pipe(
        retried(scheduler),
        map(asAnswer),
        concatMap((answer) => {
          if (answer.status !== Status.OK) return finish(answer);
          canCancel ||= answer.cancel_capable === true;
          const item$ = take(answer.data, answer.state).pipe(map((item) => ({ item })));
          return concat(item$, of({ state: answer.state }));
        }),
      );
    const late$ = timer(pullTimeoutMs, scheduler).pipe(
      tap(() => {
        throw new CellError(ReturnCode.TIMEOUT, `it is not whole after ${pullTimeoutMs} ms`);
      }),
    );
    const closed$ = end$.pipe(
      tap(() => {
        throw closedError(fqcn);
      }),
    );
    return step(start).pipe(
      expand((each) => ('state' in each ? step(each.state) : EMPTY)),
      filter((each) => 'item' in each),
      map(({ item }) => item),
      takeUntil(late$),
      takeUntil(closed$),
      takeUntil(failures.of(source)),
      finalize(() => {
        if (canCancel) wire.tell(fqcn, { ref_id: refId, cancel: true });
      }),
    );
  });
}

/** A step that is asked for again has the same answer. */
function retried<T>(scheduler: SchedulerLike) {
  return retry<T>({
    count: RETRIES,
    delay: (error: unknown, attempt) =>
      error instanceof CellError && error.returnCode === ReturnCode.TIMEOUT
        ? timer(FIRST_RETRY_MS * 2 ** (attempt - 1), scheduler)
        : failed(error),
  });
}

function asAnswer(payload: FobsValue): PullAnswer {
  if (!isPullAnswer(payload)) throw badFobs('an answer to a pull is none');
  return payload;
}

function failed(error: unknown): Observable<never> {
  return defer(() => {
    throw error;
  });
}
