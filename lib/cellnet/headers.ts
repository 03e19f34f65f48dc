import { endpointNameFault, MAX_NAME_LENGTH } from '../endpoint.js';
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
  PASS_THROUGH: 'cn__pass_through',
} as const;

/** What a message between cells is. */
export const MessageType = { REQUEST: 'req', REPLY: 'reply', RETURN: 'return' } as const;

/** How a payload is written. */
export const Encoding = { NONE: 'none', BYTES: 'bytes', FOBS: 'fobs' } as const;

/** The headers of a message that is being made. */
export type NewHeaders = Record<string, HeaderValue | undefined>;

/** The headers that each message between cells must have. */
export type CellHeaders = MessageHeaders & {
  readonly cn__msg_type: 'req' | 'reply' | 'return';
  readonly cn__origin: string;
  readonly cn__destination: string;
};

/** In characters. The IDs of NVFlare have 36, its channels and topics fewer. */
const MAX_ECHO_LENGTH = 1_000;

/**
 * Whether a message is one between cells. Its origin is the name of a cell, since names are remembered. Its destination is
 * no longer than a name, since the way there is looked up part by part. What the reply to a request repeats is short, since
 * the reply may be for a cell that reads nothing. All other headers may be of any type. Each message passes here, so there
 * is no pattern.
 *
 * @param neighbour - who brings it, whose name is a good one
 */
export function isCellHeaders(headers: MessageHeaders, neighbour: string): headers is CellHeaders {
  const { cn__msg_type: type, cn__origin: origin, cn__destination: destination } = headers;
  return (
    (type === MessageType.REQUEST || type === MessageType.REPLY || type === MessageType.RETURN) &&
    typeof origin === 'string' &&
    (origin === neighbour || endpointNameFault(origin) === undefined) &&
    typeof destination === 'string' &&
    destination !== '' &&
    destination.length <= MAX_NAME_LENGTH &&
    (type !== MessageType.REQUEST || hasShortEcho(headers, headers[Header.REQ_ID]))
  );
}

/** Whether what a reply repeats of its request is short: the ID of the request, and its channel and topic. */
export function hasShortEcho(headers: MessageHeaders, id: HeaderValue | undefined): boolean {
  return (
    isShort(id) &&
    isShort(headers[Header.CHANNEL]) &&
    isShort(headers[Header.TOPIC]) &&
    isShort(headers[Header.SECURE]) &&
    isShort(headers[Header.OPTIONAL])
  );
}

/** Whether a value may be repeated to the cell that it came from: a short text, or what is no text, list or map. */
export function isShort(value: HeaderValue | undefined): boolean {
  return typeof value === 'string'
    ? value.length <= MAX_ECHO_LENGTH
    : typeof value !== 'object' || value === null;
}

/** A header as text; empty where it is absent or of another type. */
export function textHeader(headers: MessageHeaders, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
}

/** Whether the origin of a request waits for a reply. */
export function expectsReply(headers: MessageHeaders): boolean {
  return headers[Header.REPLY_EXPECTED] === true;
}

/** The request IDs of a reply: NVFlare sends one, or a list. */
export function requestIds(headers: MessageHeaders): readonly string[] {
  const ids = headers[Header.REQ_ID];
  if (typeof ids === 'string') return [ids];
  return (Array.isArray(ids) ? (ids as readonly HeaderValue[]) : [ids]).filter(
    (id) => typeof id === 'string',
  );
}

/** A cell on the way, and when the message was there, in seconds since 1970. */
export type Hop = readonly [fqcn: string, seconds: number];

/** The cells that a message passed, or `undefined` where the header is no route. */
export function routeOf(headers: MessageHeaders): readonly Hop[] | undefined {
  const route = headers[Header.ROUTE] ?? [];
  return Array.isArray(route) && route.every(isHop) ? route : undefined;
}

function isHop(value: unknown): value is Hop {
  return (
    Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && typeof value[1] === 'number'
  );
}
