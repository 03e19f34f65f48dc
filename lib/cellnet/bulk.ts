import { isMatching, P } from 'ts-pattern';

import type { FobsValue } from '../fobs/value.js';
import { isBytes } from '../is-bytes.js';
import type { Message, MessageHeaders } from '../message.js';
import { type CellHeaders, Header } from './headers.js';

/** Where cells speak of themselves. Source: `CellChannel` and `CellChannelTopic` of NVFlare. */
export const CELL_CHANNEL = 'cellnet.channel';
export const CellTopic = { BYE: 'bye', BULK: 'bulk' } as const;

const isBulk = isMatching(
  P.array({
    channel: P.string,
    topic: P.string,
    message: { headers: P.any, payload: P.any },
  }),
);

/**
 * The messages that NVFlare gathered into one (`queue_message`). The headers of the whole win, but for channel, topic
 * and how a payload is written. A bulk within a bulk is left out.
 */
export function readBulk(
  payload: FobsValue,
  outer: CellHeaders,
): readonly { headers: CellHeaders; message: Message }[] {
  if (!isBulk(payload)) return [];
  return payload
    .filter(({ channel }) => channel !== CELL_CHANNEL)
    .map(({ channel, topic, message }) => {
      const inner = isHeaders(message.headers) ? message.headers : {};
      const headers: CellHeaders = {
        ...inner,
        ...outer,
        [Header.CHANNEL]: channel,
        [Header.TOPIC]: topic,
        [Header.PAYLOAD_ENCODING]: inner[Header.PAYLOAD_ENCODING],
      };
      return { headers, message: { headers, payload: bytesOf(message.payload) } };
    });
}

function isHeaders(value: unknown): value is MessageHeaders {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Map);
}

/** Python hands over an encoded payload as a list of pieces. */
function bytesOf(payload: unknown): Uint8Array | undefined {
  if (isBytes(payload)) return payload;
  if (!Array.isArray(payload)) return undefined;
  const pieces = (payload as readonly unknown[]).filter(isBytes);
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const piece of pieces) {
    all.set(piece, offset);
    offset += piece.length;
  }
  return all;
}
