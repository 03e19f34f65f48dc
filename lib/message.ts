import { CommError, CommErrorCode } from './comm-error.js';
import { isBytes } from './is-bytes.js';

/**
 * Values that message headers and endpoint properties can carry: those that MessagePack and Python share.
 *
 * Integers stay integers: those beyond 32 bits travel as 64-bit integers. A received integer that a JavaScript number
 * cannot hold exactly is a `bigint`. Send a `bigint` for an integer beyond 2^53.
 */
export type HeaderValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly HeaderValue[]
  | { readonly [key: string]: HeaderValue | undefined };

/** Message headers: a map with string keys, at most 65,535 bytes once encoded. */
export type MessageHeaders = Readonly<Record<string, HeaderValue | undefined>>;

/**
 * The unit that travels between endpoints.
 *
 * An empty payload looks like an absent one on the wire: the receiver sees `undefined`. Do not change the bytes of a
 * payload after `send`: the communicator may still hold them. A received payload is a view on the memory that it was
 * read into, and retains all of that: up to 256 KiB, or its whole message if that is larger. Copy it
 * (`payload.slice()`) to keep a small payload, or a part of one, for long.
 */
export interface Message {
  readonly headers?: MessageHeaders | undefined;
  readonly payload?: Uint8Array | undefined;
}

/**
 * The application IDs that NVFlare reserves. Your own may be any other number up to 65,535, such as 100.
 *
 * NVFlare's cells, and `Cell` of `rxflare/cellnet`, receive under `DEFAULT`; nothing uses `CELL_NET`.
 */
export const AppIds = { ALL: 0, DEFAULT: 1, CELL_NET: 2, PUB_SUB: 3 } as const;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * The same app ID.
 *
 * @throws CommError `BAD_CONFIG` where it is no integer from 0 to 65,535
 */
export function requireAppId(appId: number): number {
  if (Number.isInteger(appId) && appId >= 0 && appId <= 0xffff) return appId;
  throw new CommError(CommErrorCode.BAD_CONFIG, `app ID: expected an integer from 0 to 65535, got ${appId}`);
}

/**
 * The user may not use TypeScript, and what is not a message would arrive empty.
 *
 * @throws CommError `BAD_DATA` where it is not an object, has other fields than a message, a payload that is not bytes,
 * or one that was given back
 */
export function requireMessage(message: Message): void {
  const given: unknown = message;
  if (typeof given !== 'object' || given === null)
    throw badMessage(`expected an object, got ${typeof given}`);
  for (const field in message) {
    if (field !== 'payload' && field !== 'headers') throw badMessage(`it has no field "${field}"`);
  }
  const payload: unknown = message.payload;
  if (payload !== undefined && !isBytes(payload)) {
    throw badMessage(`expected a Uint8Array as payload, got ${typeof payload}`);
  }
  if (payload?.length === 0 && isDetached(payload)) {
    throw new CommError(
      CommErrorCode.BAD_DATA,
      'message: the memory of its payload was given back: copy what is needed after a receiver that borrows is done',
    );
  }
}

/** The memory of a view belongs to somebody else by now. */
function isDetached({ buffer }: Uint8Array): boolean {
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

function badMessage(detail: string): CommError {
  const advice = 'textMessage(text) makes one of a text, jsonMessage(value) of any other value';
  return new CommError(CommErrorCode.BAD_DATA, `message: ${detail}; ${advice}`);
}

/** A message whose payload is `text` as UTF-8. */
export function textMessage(text: string, headers?: MessageHeaders): Message {
  return { headers, payload: encoder.encode(text) };
}

/**
 * The payload of a message, decoded as UTF-8; an absent payload is the empty string. Bytes that are not UTF-8 become
 * U+FFFD.
 *
 * @throws Error `ERR_STRING_TOO_LONG` in Node for a payload beyond its longest string, about 512 MiB
 */
export function textOf(message: Message): string {
  return message.payload === undefined ? '' : decoder.decode(message.payload);
}
