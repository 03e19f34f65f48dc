import {
  type CellHeaders,
  Encoding,
  expectsReply,
  Header,
  isShort,
  MessageType,
  type NewHeaders,
} from './headers.js';
import { ReturnCode } from './return-code.js';
import { DataType, STREAM_CHANNEL, StreamHeader, StreamTopic } from './stream-headers.js';

/** What a chunk says of its stream, and what its sender finds the stream by. */
const OF_STREAM = [StreamHeader.ID, StreamHeader.CHANNEL, StreamHeader.TOPIC, StreamHeader.REQUEST_ID];

/**
 * What tells the origin of a message that it cannot be passed on, or `undefined` where it is told nothing: a request that
 * expects a reply comes back; of a stream that is lost with its chunk its sender learns in the way of a refusal. A reliable
 * stream sends the chunk again.
 *
 * Source: `_forward` of `nvflare/fuel/f3/cellnet/core_cell.py`, and `_forward_error_handler` of
 * `nvflare/fuel/f3/streaming/byte_streamer.py`, which NVFlare has from 2.9 on. Earlier senders read what an ACK says.
 */
export function undeliverable(headers: CellHeaders): NewHeaders | undefined {
  if (headers.cn__msg_type !== MessageType.REQUEST) return undefined;
  if (expectsReply(headers)) return returned(headers);
  return isLostWithItsStream(headers) ? streamError(headers) : undefined;
}

function returned(headers: CellHeaders): NewHeaders {
  return {
    [Header.MSG_TYPE]: MessageType.RETURN,
    [Header.RETURN_CODE]: ReturnCode.COMM_ERROR,
    [Header.ERROR]: 'cannot forward',
    [Header.RETURN_REASON]: 'cant_forward',
    [Header.REQ_ID]: [headers[Header.REQ_ID] ?? ''],
    [Header.ORIGINAL_HEADERS]: headers,
    [Header.PAYLOAD_ENCODING]: Encoding.NONE,
  };
}

function isLostWithItsStream(headers: CellHeaders): boolean {
  return (
    headers[Header.CHANNEL] === STREAM_CHANNEL &&
    headers[Header.TOPIC] === StreamTopic.DATA &&
    headers[StreamHeader.DATA_TYPE] !== DataType.ERROR &&
    headers[StreamHeader.RELIABLE] !== true &&
    OF_STREAM.every((name) => isShort(headers[name]))
  );
}

function streamError(headers: CellHeaders): NewHeaders {
  const knowsErrors = headers[StreamHeader.CHUNK_BYTES] !== undefined;
  const error: NewHeaders = {
    [Header.MSG_TYPE]: MessageType.REQUEST,
    [Header.CHANNEL]: STREAM_CHANNEL,
    [Header.TOPIC]: knowsErrors ? StreamTopic.ERROR : StreamTopic.ACK,
    [Header.REPLY_EXPECTED]: false,
    [Header.OPTIONAL]: true,
    [Header.PAYLOAD_ENCODING]: Encoding.NONE,
    [StreamHeader.DATA_TYPE]: DataType.ERROR,
    [StreamHeader.ERROR]: 'cannot forward',
    [StreamHeader.ERROR_TYPE]: 'StreamTargetUnreachable',
    [StreamHeader.FAILED_DESTINATION]: headers.cn__destination,
  };
  for (const name of OF_STREAM) error[name] = headers[name];
  return error;
}
