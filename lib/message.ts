/**
 * Values that message headers and endpoint properties can carry: what MessagePack and Python share.
 *
 * Integers keep their type on the way: those beyond 32 bits travel as real 64-bit integers. A received integer
 * that a JavaScript number cannot hold exactly is a `bigint`; send a `bigint` to be exact yourself.
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
 * What travels between endpoints.
 *
 * An absent payload and an empty one look the same on the wire: the receiver sees `undefined`. The bytes belong
 * to the communicator from `send` on: do not change them afterwards. A received payload is a view on the bytes as
 * they came, and keeps everything alive that was read with it: up to 256 KiB, or its whole message where that is
 * larger. Copy it (`payload.slice()`) to keep a small one, or a part, for long.
 */
export interface Message {
  readonly headers?: MessageHeaders | undefined;
  readonly payload?: Uint8Array | undefined;
}

/** The application IDs that NVFlare reserves. Use any other number up to 65,535 for your own. */
export const AppIds = { ALL: 0, DEFAULT: 1, CELL_NET: 2, PUB_SUB: 3 } as const;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** A message whose payload is `text` as UTF-8. */
export function textMessage(text: string, headers?: MessageHeaders): Message {
  return { headers, payload: encoder.encode(text) };
}

/** The payload of a message read as UTF-8; an absent payload is the empty string. */
export function textOf(message: Message): string {
  return message.payload === undefined ? '' : decoder.decode(message.payload);
}
