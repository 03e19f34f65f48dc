import { isMatching, P } from 'ts-pattern';

import { MAX_NAME_LENGTH } from '../endpoint.js';
import type { Message, MessageHeaders } from '../message.js';
import { isPlainObject } from '../wire/map-codec.js';
import { answerTo, type Question } from './question.js';
import { type Refusal, REFUSAL } from './refusal.js';

/** In place of a name: all READY endpoints that are no watchers. No endpoint can have this name. */
export const EVERYONE = '*';

/**
 * What a client of a relay asks for, in the headers of a message: so a request takes at most 65,535 bytes and 32
 * levels, which is checked before anything is decoded. `send` carries the headers of the message to be sent in
 * `inner`, and its payload as it is, which nothing here reads.
 */
export type RelayRequest =
  | { readonly type: 'disconnect'; readonly id: number; readonly to: string }
  | { readonly type: 'watch' | 'stop'; readonly id: number }
  | {
      readonly type: 'send';
      readonly id: number;
      readonly to: string;
      readonly app: number;
      readonly inner?: MessageHeaders | undefined;
    };

/**
 * What comes back, in the same form and under the same limits; `id` is that of the request, `missed` the number of
 * messages before this one that were left out. `ended`: there will be no more messages.
 */
export type RelayAnswer =
  | {
      readonly type: 'message';
      readonly id: number;
      readonly from: string;
      readonly app: number;
      readonly inner?: MessageHeaders | undefined;
      readonly missed: number;
    }
  | { readonly type: 'done'; readonly id: number; readonly endpoints?: number }
  | { readonly type: 'ended'; readonly id: number }
  | Refusal;

/** A request as a question to an endpoint. */
export function relayQuestion(
  request: RelayRequest,
  payload?: Uint8Array,
): Question<RelayAnswer & { readonly payload: Uint8Array | undefined }> {
  const { id } = request;
  return {
    id,
    message: { headers: { ...request }, payload },
    read: (message) => {
      const answer = answerTo(id, message.headers, isAnswer, isRequest);
      return answer && { ...answer, payload: message.payload };
    },
    advice: ADVICE,
  };
}

/** The request in the headers of a message; `undefined` for anything else, answers to our own questions among it. */
export function readRequest({ headers }: Message): RelayRequest | undefined {
  const value: unknown = headers;
  return isRequest(value) ? value : undefined;
}

const ADVICE = 'it does not relay; call serveRelay there, or start it with "rxflare listen --dashboard"';

const HEADERS = P.optional(P.when(isPlainObject));

const REQUEST = P.union(
  { type: P.union('watch', 'stop'), id: P.number },
  { type: 'disconnect', id: P.number, to: P.string.maxLength(MAX_NAME_LENGTH) },
  {
    type: 'send',
    id: P.number,
    to: P.string.maxLength(MAX_NAME_LENGTH),
    app: P.number,
    inner: HEADERS,
  },
);

const ANSWER = P.union(
  { type: 'message', id: P.number, from: P.string, app: P.number, inner: HEADERS, missed: P.number },
  { type: 'done', id: P.number, endpoints: P.optional(P.number) },
  { type: 'ended', id: P.number },
  REFUSAL,
);

function isRequest(value: unknown): value is RelayRequest {
  return isMatching(REQUEST, value);
}

function isAnswer(value: unknown): value is RelayAnswer {
  return isMatching(ANSWER, value);
}
