import { isMatching, P } from 'ts-pattern';

import type { FobsValue } from '../fobs/value.js';
import { CommError, CommErrorCode } from '../comm-error.js';
import { concatenated } from '../concatenated.js';
import { isBytes } from '../is-bytes.js';
import type { Message, MessageHeaders } from '../message.js';
import { frameMemory } from '../wire/frame-memory.js';
import { CELL_CHANNEL } from './channels.js';
import { type CellHeaders, Header } from './headers.js';

/** What cells say of themselves on {@link CELL_CHANNEL}. Source: `CellChannelTopic` of NVFlare. */
export const CellTopic = { BYE: 'bye', BULK: 'bulk' } as const;

/** NVFlare gathers at most 100 (`max_bulk_size` of `core_cell.py`). */
const MAX_MESSAGES = 1_000;

/** NVFlare sends about 20. Each message gets a copy of them. */
const MAX_HEADERS = 100;

/** One message of a bulk, as it is written. */
interface BulkItem {
  readonly channel: string;
  readonly topic: string;
  readonly message: { readonly headers: unknown; readonly payload: unknown };
}

const isBulk = isMatching(
  P.array({
    channel: P.string,
    topic: P.string,
    message: { headers: P.any, payload: P.any },
  }),
);

/**
 * The messages that NVFlare gathered into one (`queue_message`), each made when it is asked for. The headers of the whole
 * win, but for channel, topic and how a payload is written. None is answered, as in NVFlare. A bulk within a bulk is left
 * out.
 *
 * @throws CommError `BAD_DATA`, before the first message, where it is no bulk, has more than 1,000 messages, more than 100
 * headers of its own, or two messages that share a payload, which NVFlare never writes
 */
export function readBulk(
  payload: FobsValue,
  outer: CellHeaders,
): Iterable<{ headers: CellHeaders; message: Message }> {
  if (!Array.isArray(payload)) throw badBulk('it is no list');
  if (payload.length > MAX_MESSAGES) throw badBulk(`it has more than ${MAX_MESSAGES} messages`);
  if (Object.keys(outer).length > MAX_HEADERS) throw badBulk(`it has more than ${MAX_HEADERS} headers`);
  if (!isBulk(payload)) throw badBulk('not all of it are messages');
  const items = payload.filter(({ channel }) => channel !== CELL_CHANNEL);
  const pieces = items.flatMap(({ message }) => piecesOf(message.payload) ?? []);
  requireDistinct(pieces);
  // They have one memory, which is of no use to one of them alone.
  for (const piece of pieces) frameMemory.share(piece);
  return messagesOf(items, outer);
}

function* messagesOf(
  items: readonly BulkItem[],
  outer: CellHeaders,
): Generator<{ headers: CellHeaders; message: Message }> {
  for (const { channel, topic, message } of items) {
    const inner = isHeaders(message.headers) ? message.headers : {};
    const headers: CellHeaders = {
      ...inner,
      ...outer,
      [Header.CHANNEL]: channel,
      [Header.TOPIC]: topic,
      [Header.REPLY_EXPECTED]: false,
      [Header.PAYLOAD_ENCODING]: inner[Header.PAYLOAD_ENCODING],
    };
    yield { headers, message: { headers, payload: joined(piecesOf(message.payload)) } };
  }
}

function isHeaders(value: unknown): value is MessageHeaders {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Map);
}

/** Python hands over an encoded payload as a list of pieces. */
function piecesOf(payload: unknown): readonly Uint8Array[] | undefined {
  if (isBytes(payload)) return [payload];
  return Array.isArray(payload) ? (payload as readonly unknown[]).filter(isBytes) : undefined;
}

function joined(pieces: readonly Uint8Array[] | undefined): Uint8Array | undefined {
  return pieces?.length === 1 ? pieces[0] : pieces && concatenated(pieces);
}

/** Few bytes could stand for any number of pieces. */
function requireDistinct(pieces: readonly Uint8Array[]): void {
  const filled = pieces.filter(({ length }) => length > 0);
  if (new Set(filled).size < filled.length) throw badBulk('two messages have the same payload');
}

function badBulk(fault: string): CommError {
  return new CommError(CommErrorCode.BAD_DATA, `a bulk is refused: ${fault}`);
}
