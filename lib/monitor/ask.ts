import { defer, filter, ignoreElements, map, merge, type Observable, throwError, timeout } from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { Communicator } from '../communicator.js';
import type { Message } from '../message.js';
import type { Answer, Question } from './question.js';
import type { Refusal } from './refusal.js';
import { sendWhenRoom } from './send-when-room.js';
import type { WatchOptions } from './watch-options.js';

/**
 * Sends a question to a READY endpoint as soon as its queue has room, and emits the answers.
 *
 * Errors with CommError `TIMEOUT` where no answer comes, `BAD_DATA` for an answer that breaks the protocol, and with
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

function isRefusal(answer: Answer): answer is Refusal {
  return answer.type === 'refused';
}
