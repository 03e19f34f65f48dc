import { CommError, CommErrorCode } from '../comm-error.js';
import { logger } from '../log.js';
import { quoted } from '../quoted.js';
import type { Answer } from './cell-handler.js';
import { type CellHeaders, expectsReply } from './headers.js';
import { ReturnCode } from './return-code.js';

const log = logger('cellnet');

/**
 * An answer to a request, sent once, and only where its origin waits for one. A failure to send is logged.
 *
 * @param unsent - called with why a payload could not be sent
 */
export function answerOnce(headers: CellHeaders, send: Answer, unsent: (thrown: unknown) => void): Answer {
  let isOpen = expectsReply(headers);
  return (returnCode, payload, error) => {
    if (!isOpen) return;
    isOpen = false;
    const failure = attempt(headers, send, returnCode, payload, error);
    if (failure === undefined || payload === undefined) return;
    // A value that has no form on the wire is a failure of its handler.
    if (failure.code === CommErrorCode.BAD_DATA) unsent(failure);
    attempt(headers, send, ReturnCode.PROCESS_EXCEPTION);
  };
}

/** @returns why it could not be sent */
function attempt(headers: CellHeaders, send: Answer, ...answer: Parameters<Answer>): CommError | undefined {
  try {
    send(...answer);
    return undefined;
  } catch (thrown) {
    const error = CommError.from(thrown);
    log('cannot reply to %s: %s', quoted(headers.cn__origin), error.message);
    return error;
  }
}
