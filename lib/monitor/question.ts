import { isMatching, P } from 'ts-pattern';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { Message } from '../message.js';

/** What all answers have. */
export interface Answer {
  readonly type: string;
  /** That of the question. */
  readonly id: number;
}

/** A request, and how to read what comes back. */
export interface Question<A extends Answer> {
  readonly id: number;
  readonly message: Message;
  /**
   * The answer that a message holds; `undefined` where the message belongs to another question, or is a request to
   * our own service.
   *
   * @throws CommError `BAD_DATA` for anything else
   */
  readonly read: (message: Message) => A | undefined;
  /** What to do where no answer comes, for the message of the error. */
  readonly advice: string;
}

let lastId = 0;

/** An ID for the next question; unique in this process. */
export function newQuestionId(): number {
  lastId += 1;
  return lastId;
}

/**
 * A value as the answer to a question; `undefined` where it belongs to another question, or is a request.
 *
 * @throws CommError `BAD_DATA` for anything else
 */
export function answerTo<A extends Answer>(
  id: number,
  value: unknown,
  isAnswer: (value: unknown) => value is A,
  isRequest: (value: unknown) => boolean,
): A | undefined {
  const hasId = isMatching({ id: P.number }, value);
  if (hasId && value.id !== id) return undefined;
  if (isAnswer(value)) return value;
  if (hasId && isRequest(value)) return undefined;
  throw new CommError(
    CommErrorCode.BAD_DATA,
    'bad answer: a field is absent or has a value of the wrong type',
  );
}
