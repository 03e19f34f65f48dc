import { CommErrorCode } from '../comm-error.js';
import type { Message, MessageHeaders } from '../message.js';
import type { Question } from './ask.js';

/**
 * What a client of a relay asks for, in the headers of a message. `send` carries the headers of the message to be
 * sent in `inner`, and its payload as it is.
 */
export type RelayRequest =
  | { readonly type: 'watch' | 'stop'; readonly id: number }
  | {
      readonly type: 'send';
      readonly id: number;
      readonly to: string;
      readonly app: number;
      readonly inner?: MessageHeaders | undefined;
    };

/**
 * What comes back, in the same form; `id` is that of the request, `missed` what there was no room for before it.
 * `ended`: there will be no more messages.
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
  | { readonly type: 'done' | 'ended'; readonly id: number }
  | { readonly type: 'refused'; readonly id: number; readonly code: CommErrorCode; readonly text: string };

/** A request as a question to an endpoint. */
export function relayQuestion(
  request: RelayRequest,
  payload?: Uint8Array,
): Question<RelayAnswer & { readonly payload: Uint8Array | undefined }> {
  return {
    id: request.id,
    message: { headers: { ...request }, payload },
    read: (message) => {
      const answer = readAnswer(message);
      return answer && { ...answer, payload: message.payload };
    },
    advice: ADVICE,
  };
}

/** The request in the headers of a message; `undefined` for anything else. */
export function readRequest({ headers }: Message): RelayRequest | undefined {
  const { type, id, to, app, inner } = headers ?? {};
  if (typeof id !== 'number') return undefined;
  if (type === 'watch' || type === 'stop') return { type, id };
  if (type !== 'send' || typeof to !== 'string' || typeof app !== 'number') return undefined;
  return { type, id, to, app, inner: readHeaders(inner) };
}

/** The answer in the headers of a message; `undefined` for anything else. */
export function readAnswer({ headers }: Message): RelayAnswer | undefined {
  const { type, id, from, app, inner, missed, code, text } = headers ?? {};
  if (typeof id !== 'number') return undefined;
  if (type === 'done' || type === 'ended') return { type, id };
  if (type === 'refused' && isCode(code) && typeof text === 'string') return { type, id, code, text };
  if (type !== 'message' || typeof from !== 'string' || typeof app !== 'number') return undefined;
  return { type, id, from, app, inner: readHeaders(inner), missed: Number(missed) };
}

const ADVICE = 'it does not relay; call serveRelay there, or start it with "rxflare listen --dashboard"';

function isCode(value: unknown): value is CommErrorCode {
  return typeof value === 'string' && Object.hasOwn(CommErrorCode, value);
}

function readHeaders(value: unknown): MessageHeaders | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    return undefined;
  return value as MessageHeaders;
}
