import { isMatching, P } from 'ts-pattern';

import type { Message, MessageHeaders } from '../message.js';
import { quoted } from '../quoted.js';
import { CellError } from './cell-error.js';
import type { FireOptions } from './cell-options.js';
import { REPLY_CHANNEL } from './channels.js';
import { type CellHeaders, Encoding, Header, MessageType, type NewHeaders, textHeader } from './headers.js';
import type { IncomingStream } from './incoming-stream.js';
import { isReturnCode, ReturnCode } from './return-code.js';
import { StreamHeader } from './stream-headers.js';

/** The headers of a request, without those of its way. */
export function requestHeaders(
  channel: string,
  topic: string,
  { headers, optional = false }: FireOptions,
): NewHeaders {
  return {
    ...headers,
    [Header.MSG_TYPE]: MessageType.REQUEST,
    [Header.CHANNEL]: channel,
    [Header.TOPIC]: topic,
    [Header.OPTIONAL]: optional,
    [Header.SECURE]: false,
  };
}

/** The headers of the reply to a request, without those of its way. */
export function replyHeaders(request: CellHeaders, returnCode: ReturnCode, error?: string): NewHeaders {
  return {
    [Header.MSG_TYPE]: MessageType.REPLY,
    [Header.RETURN_CODE]: returnCode,
    [Header.ERROR]: error,
    [Header.REQ_ID]: request[Header.REQ_ID],
    [Header.CHANNEL]: request[Header.CHANNEL],
    [Header.TOPIC]: request[Header.TOPIC],
    [Header.SECURE]: request[Header.SECURE],
    [Header.OPTIONAL]: request[Header.OPTIONAL],
  };
}

/** The headers of a request or reply that came as a stream, as those of a single message. */
export function messageHeaders({ headers, channel, topic }: IncomingStream): CellHeaders {
  const isReply = channel === REPLY_CHANNEL;
  return {
    ...headers,
    [Header.MSG_TYPE]: isReply ? MessageType.REPLY : MessageType.REQUEST,
    [Header.CHANNEL]: channel,
    [Header.TOPIC]: topic,
    [Header.PAYLOAD_ENCODING]: headers[StreamHeader.ENCODING] ?? Encoding.BYTES,
    [Header.REPLY_EXPECTED]: textHeader(headers, StreamHeader.REQUEST_ID) !== '',
  } as unknown as CellHeaders;
}

/** The headers of the reply to a request that came as a stream. */
export function streamReplyHeaders(
  request: CellHeaders,
  message: Message,
  returnCode: string,
  error?: string,
): MessageHeaders {
  return {
    ...contentHeaders(message),
    [StreamHeader.REQUEST_ID]: request[StreamHeader.REQUEST_ID],
    [Header.RETURN_CODE]: returnCode,
    [Header.ERROR]: error,
  };
}

/** What a stream that is a request or a reply says of its payload. */
export function contentHeaders({ headers = {} }: Message): MessageHeaders {
  return { [StreamHeader.ENCODING]: headers[Header.PAYLOAD_ENCODING] };
}

const isMap = isMatching(P.record(P.string, P.any));

/** The headers of a request that came back, as they were sent; `undefined` for all else. */
export function originalHeaders(headers: CellHeaders): MessageHeaders | undefined {
  const original = headers[Header.ORIGINAL_HEADERS];
  return headers.cn__msg_type === MessageType.RETURN && isMap(original) ? original : undefined;
}

/** Who was asked: a cell that sends a request back names that in the headers it sends along. */
export function targetOf(headers: CellHeaders): string {
  if (headers.cn__msg_type !== MessageType.RETURN) return headers.cn__origin;
  return textHeader(originalHeaders(headers) ?? {}, Header.DESTINATION);
}

/** The failure that the reply to a request tells, or to a chunk of a stream, or what came back of these. */
export function failureOf(headers: CellHeaders, target: string, asked: 'request' | 'stream'): CellError {
  const returnCode = headers[Header.RETURN_CODE];
  const known = isReturnCode(returnCode) ? returnCode : ReturnCode.PROCESS_EXCEPTION;
  const reason = textHeader(headers, Header.ERROR) || undefined;
  const said = reason === undefined ? '' : `, ${quoted(reason)}`;
  const { cn__origin: origin } = headers;
  const what = asked === 'stream' ? `stream to ${target}: ` : `cell ${target}: `;
  const itself = asked === 'stream' ? `${what}the target` : `cell ${target}`;
  const who = origin === target ? itself : `${what}${origin} on the way to it`;
  return new CellError(known, `${who} answered ${known}${said}`, target, { reason });
}
