import { defer, filter, ignoreElements, map, merge, type Observable, throwError, timeout } from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { Communicator } from '../communicator.js';
import { isReady } from '../endpoint.js';
import type { Message } from '../message.js';
import type { Answer, Question } from './question.js';
import type { Refusal } from './refusal.js';
import { sendWhenRoom } from './send-when-room.js';
import type { WatchOptions } from './watch-options.js';

/**
 * Sends a question to a READY endpoint as soon as its queue has room, and emits the answers.
 *
 * Errors with CommError `CLOSED` where the endpoint is not READY when the time is over, `TIMEOUT` where no answer comes, `BAD_DATA` for an answer that breaks the protocol, and with
 * the code of a refusal.
 */
export function ask<A extends Answer>(
  communicator: Communicator,
  endpointName: string,
  { message, read, advice }: Question<A>,
  { appId, timeoutMs, scheduler }: Required<WatchOptions>,
): Observable<Exclude<A, Refusal>> {
  const readNamed = (answer: Message): A | undefined => {
    try {
      return read(answer);
    } catch (error) {
      throw CommError.within(error, endpointName);
    }
  };
  const sent$ = defer(() => sendWhenRoom(communicator, endpointName, appId, message));
  const answer$ = communicator.messages(appId).pipe(
    filter(({ endpoint }) => endpoint.name === endpointName),
    map((received) => readNamed(received.message)),
    filter((answer) => answer !== undefined),
  );
  // The advice is for an endpoint that is there and says nothing.
  const silent = (): CommError =>
    isReady(communicator.findEndpoint(endpointName)) || endpointName === communicator.localEndpoint.name
      ? new CommError(
          CommErrorCode.TIMEOUT,
          `${endpointName}: no answer came within ${timeoutMs} ms: ${advice}`,
        )
      : new CommError(CommErrorCode.CLOSED, `${endpointName}: no answer came, and it is not connected`);
  return merge(answer$, sent$.pipe(ignoreElements())).pipe(
    timeout({ first: timeoutMs, scheduler, with: () => throwError(() => silent()) }),
    map((answer) => {
      if (isRefusal(answer)) throw new CommError(answer.code, `${endpointName}: ${answer.text}`);
      return answer as Exclude<A, Refusal>;
    }),
  );
}

/** As {@link ask}, but errors at once, as `send` does, where the endpoint is not READY. */
export function askNow<A extends Answer>(
  communicator: Communicator,
  endpointName: string,
  question: Question<A>,
  settings: Required<WatchOptions>,
): Observable<Exclude<A, Refusal>> {
  const reachable$ = communicator.drained(endpointName).pipe(ignoreElements());
  return merge(reachable$, ask(communicator, endpointName, question, settings));
}

function isRefusal(answer: Answer): answer is Refusal {
  return answer.type === 'refused';
}
