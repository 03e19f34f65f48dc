import { defaultIfEmpty, from, isObservable, mergeMap, type Observable, of, Subscription, take } from 'rxjs';

import { messageOf } from '../comm-error.js';
import type { FobsValue } from '../fobs/value.js';
import { isPromise } from '../is-promise.js';
import type { Message } from '../message.js';
import type { CellCodec } from './cell-codec.js';
import { CellError } from './cell-error.js';
import type { CellMessage } from './cell-message.js';
import { type Answer, ANSWERED, type RequestHandler } from './cell-handler.js';
import { HandlerErrors } from './handler-errors.js';
import { HandlerTable } from './handler-table.js';
import { type CellHeaders, expectsReply, Header, textHeader } from './headers.js';
import { ReturnCode } from './return-code.js';
import { RunningHandlers } from './running-handlers.js';
import { STREAM_CHANNEL, StreamHeader } from './stream-headers.js';

/** In characters: longer ones could make the headers of the reply too long to be sent. */
const MAX_REASON_LENGTH = 1_000;

/** What a cell answers that has no handler, in the words of NVFlare (`core_cell.py`). */
export const NO_HANDLER = 'no callback';

/** Hands requests to their handlers, and what these return to an answer. */
export class RequestDispatcher {
  readonly handlers = new HandlerTable<RequestHandler>();
  readonly errors = new HandlerErrors();
  /** Those that answer requests that came as messages. */
  readonly running = new RunningHandlers();
  /** Those that answer requests that came as streams, whose replies wait for a neighbour to come back. */
  readonly runningForStreams = new RunningHandlers();
  /** Those that nobody waits for. */
  readonly #runningUnasked = new RunningHandlers();
  readonly #codec: CellCodec;

  constructor(codec: CellCodec) {
    this.#codec = codec;
  }

  /** @returns what the reader of the neighbour waits for */
  dispatch(neighbour: string, headers: CellHeaders, message: Message, answer: Answer): unknown {
    const topic = textHeader(headers, Header.TOPIC);
    const handler = this.handlers.find(textHeader(headers, Header.CHANNEL), topic);
    if (handler === undefined) {
      this.errors.noteMissing(headers);
      answer(ReturnCode.PROCESS_EXCEPTION, undefined, NO_HANDLER);
      return undefined;
    }
    // An encrypted chunk of a stream ends that, and so its sender hears of it: it expects no answer.
    if (headers[Header.ENCRYPTED] === true && headers[Header.CHANNEL] !== STREAM_CHANNEL) {
      answer(ReturnCode.AUTHENTICATION_ERROR);
      return undefined;
    }
    const failed = (thrown: unknown): void => this.#fail(headers, answer, thrown);
    try {
      const { message: request, whole$ } = this.#codec.read(neighbour, headers, message);
      if (whole$ === undefined) return this.#handle(handler, request, headers, answer, failed);
      // Reading from the neighbour goes on, since what is pulled may come from there. Pulls have limits of their own.
      const handle = (whole: CellMessage): unknown => this.#handle(handler, whole, headers, answer, failed);
      this.#note(
        neighbour,
        headers,
        pullThen(whole$, handle, (thrown) => failed(unpulled(thrown))),
      );
    } catch (thrown) {
      failed(thrown);
    }
    return undefined;
  }

  /** Answers nothing any more. */
  stop(): void {
    this.running.cancelAll();
    this.runningForStreams.cancelAll();
    this.#runningUnasked.cancelAll();
    this.errors.complete();
  }

  /** @returns what the reader of the neighbour waits for */
  #handle(
    handler: RequestHandler,
    request: CellMessage,
    headers: CellHeaders,
    answer: Answer,
    failed: (thrown: unknown) => void,
  ): unknown {
    const succeed = (value: unknown): void => {
      if (value !== ANSWERED) answer(ReturnCode.OK, value as FobsValue);
    };
    try {
      const result = handler({ ...request, replyExpected: expectsReply(headers) }, answer);
      if (isPromise(result)) return result.then(succeed, failed);
      if (!isObservable(result)) {
        succeed(result);
        return undefined;
      }
      const work = result
        .pipe(take(1), defaultIfEmpty(undefined))
        .subscribe({ next: succeed, error: failed });
      if (work.closed) return undefined;
      this.#note(request.neighbour, headers, work);
      return new Promise<void>((resolve) => work.add(resolve));
    } catch (thrown) {
      failed(thrown);
    }
    return undefined;
  }

  /** Notes what is of no use once nobody waits for the reply, or our own cell has ended. */
  #note(neighbour: string, headers: CellHeaders, work: Subscription): void {
    this.#runningFor(headers).add(neighbour, work);
  }

  #runningFor(headers: CellHeaders): RunningHandlers {
    if (!expectsReply(headers)) return this.#runningUnasked;
    return headers[StreamHeader.REQUEST_ID] === undefined ? this.running : this.runningForStreams;
  }

  #fail(headers: CellHeaders, answer: Answer, thrown: unknown): void {
    this.errors.note(headers, thrown);
    // What another cell answered is none of the business of the one that asks us: it may be a secret.
    if (thrown instanceof CellError && thrown.target === undefined)
      answer(thrown.returnCode, undefined, thrown.reason?.slice(0, MAX_REASON_LENGTH));
    else answer(ReturnCode.PROCESS_EXCEPTION);
  }
}

/**
 * Pulls, and hands over what came. It counts as pulled until the handler has settled, also where nobody waits for that.
 *
 * @returns the pull: unsubscribed, it is given up, unless the handler has it
 */
function pullThen(
  whole$: Observable<CellMessage>,
  handle: (whole: CellMessage) => unknown,
  failed: (thrown: unknown) => void,
): Subscription {
  let isHandled = false;
  const work = whole$
    .pipe(
      mergeMap((whole) => {
        isHandled = true;
        const result = handle(whole);
        return isPromise(result) ? from(result) : of(undefined);
      }),
      take(1),
    )
    .subscribe({ error: failed });
  const pull = new Subscription(() => {
    if (!isHandled) work.unsubscribe();
  });
  work.add(pull);
  return pull;
}

function unpulled(thrown: unknown): CellError {
  const reason = 'the arrays of the request could not be pulled';
  return new CellError(ReturnCode.COMM_ERROR, messageOf(thrown), undefined, { reason });
}
