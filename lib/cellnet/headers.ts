import { isMatching, P } from 'ts-pattern';

import { endpointNameFault } from '../endpoint.js';
import type { HeaderValue, MessageHeaders } from '../message.js';

/** Cells travel under this app ID. Source: `nvflare/fuel/f3/cellnet/core_cell.py`, which does not use `CELL_NET`. */
export const CELL_APP_ID = 1;

/** The header names of cells. Source: `MessageHeaderKey` of `nvflare/fuel/f3/cellnet/defs.py`. */
export const Header = {
  MSG_TYPE: 'cn__msg_type',
  REQ_ID: 'cn__req_id',
  REPLY_EXPECTED: 'cn__reply_expected',
  TOPIC: 'cn__topic',
  ORIGIN: 'cn__origin',
  DESTINATION: 'cn__destination',
  FROM: 'cn__from',
  TO: 'cn__to',
  CHANNEL: 'cn__channel',
  RETURN_CODE: 'cn__return_code',
  ERROR: 'cn__error',
  PAYLOAD_ENCODING: 'cn__payload_encoding',
  ROUTE: 'cn__route',
  ORIGINAL_HEADERS: 'cn__original_headers',
  SEND_TIME: 'cn__send_time',
  RETURN_REASON: 'cn__return_reason',
  SECURE: 'cn__secure',
  PAYLOAD_LEN: 'cn__payload_len',
  ENCRYPTED: 'cn__encrypted',
  OPTIONAL: 'cn__optional',
} as const;

/** What a message between cells is. */
export const MessageType = { REQUEST: 'req', REPLY: 'reply', RETURN: 'return' } as const;

/** How a payload is written. */
export const Encoding = { NONE: 'none', BYTES: 'bytes', FOBS: 'fobs' } as const;

/** The headers that each message between cells must have. */
export type CellHeaders = MessageHeaders & {
  readonly cn__msg_type: 'req' | 'reply' | 'return';
  readonly cn__origin: string;
  readonly cn__destination: string;
};

const isCellMessage: (headers: MessageHeaders) => headers is CellHeaders = isMatching({
  [Header.MSG_TYPE]: P.union(MessageType.REQUEST, MessageType.REPLY, MessageType.RETURN),
  [Header.ORIGIN]: P.string.minLength(1),
  [Header.DESTINATION]: P.string.minLength(1),
});

/**
 * Whether a message is one between cells. Its origin is the name of a cell, since names are remembered; what else it has
 * may be of any type.
 */
export function isCellHeaders(headers: MessageHeaders): headers is CellHeaders {
  return isCellMessage(headers) && endpointNameFault(headers.cn__origin) === undefined;
}

/** A header as text; empty where it is absent or of another type. */
export function textHeader(headers: MessageHeaders, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
}

/** The request IDs of a reply: NVFlare sends one, or a list. */
export function requestIds(headers: MessageHeaders): readonly string[] {
  const ids = headers[Header.REQ_ID];
  return (Array.isArray(ids) ? (ids as readonly HeaderValue[]) : [ids]).filter(
    (id) => typeof id === 'string',
  );
}

/** The cells that a message passed, or `undefined` where the header is no route. */
export function routeOf(headers: MessageHeaders): readonly Hop[] | undefined {
  const route = headers[Header.ROUTE] ?? [];
  return isRoute(route) ? route : undefined;
}

/** A cell on the way, and when the message was there, in seconds since 1970. */
export type Hop = readonly [fqcn: string, seconds: number];

const isRoute: (value: HeaderValue) => value is readonly Hop[] = isMatching(P.array([P.string, P.number]));
