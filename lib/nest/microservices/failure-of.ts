import { isMatching, P } from 'ts-pattern';

import { CellError, ReturnCode } from '../../cellnet/index.js';
import { isReturnCode } from '../../cellnet/return-code.js';

const hasStatus = isMatching({ status: P.when(isReturnCode) });
const hasMessage = isMatching({ message: P.string });

/**
 * What a cell answers for what a handler of Nest threw, behind the exception filters: a CellError as it is, an object whose
 * `status` is a return code by that, and all else by `process_exception`. The reason is the text, or the `message` of an
 * object: Nest's filter has one for an RpcException and for nothing else. That of an Error may be for our eyes only: it is
 * the cause, which does not travel.
 */
export function failureOf(thrown: unknown): CellError {
  if (thrown instanceof CellError) return thrown;
  const returnCode = hasStatus(thrown) ? thrown.status : ReturnCode.PROCESS_EXCEPTION;
  return new CellError(returnCode, undefined, undefined, { reason: reasonOf(thrown), cause: thrown });
}

function reasonOf(thrown: unknown): string | undefined {
  if (typeof thrown === 'string') return thrown;
  return !(thrown instanceof Error) && hasMessage(thrown) ? thrown.message : undefined;
}
