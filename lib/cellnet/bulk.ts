import { isMatching, P } from 'ts-pattern';

import type { FobsValue } from '../fobs/value.js';
import { CommError, CommErrorCode } from '../comm-error.js';
import { concatenated } from '../concatenated.js';
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
 *
 * @throws CommError `BAD_DATA` where two messages share a payload, which NVFlare never writes
 */
export function readBulk(
  payload: FobsValue,
  outer: CellHeaders,
): readonly { headers: CellHeaders; message: Message }[] {
  if (!isBulk(payload)) return [];
  const joined = joiner();
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
      const pieces = piecesOf(message.payload);
      return { headers, message: { headers, payload: pieces && joined(pieces) } };
    });
}

function isHeaders(value: unknown): value is MessageHeaders {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Map);
}

/** Python hands over an encoded payload as a list of pieces. */
function piecesOf(payload: unknown): readonly Uint8Array[] | undefined {
  if (isBytes(payload)) return [payload];
  return Array.isArray(payload) ? (payload as readonly unknown[]).filter(isBytes) : undefined;
}

/** Joins pieces, none of which it takes twice: few bytes could stand for any number of them. */
function joiner(): (pieces: readonly Uint8Array[]) => Uint8Array {
  const seen = new Set<Uint8Array>();
  return (pieces) => {
    for (const piece of pieces) {
      if (seen.has(piece))
        throw new CommError(CommErrorCode.BAD_DATA, 'two messages of a bulk have the same payload');
      if (piece.length > 0) seen.add(piece);
    }
    const [only] = pieces;
    return only !== undefined && pieces.length === 1 ? only : concatenated(pieces);
  };
}
