import { CommErrorCode } from '../comm-error.js';
import { type Message, textMessage, textOf } from '../message.js';
import type { Question } from './ask.js';
import type { StatsReport } from './stats-report.js';
import type { StatsTotals } from './stats-totals.js';

/**
 * What a watcher asks for, as JSON in UTF-8 without headers. The watcher chooses `id`; every answer repeats it. A
 * second `watch` under an ID takes the place of the first.
 */
export type StatsRequest =
  | {
      readonly type: 'watch';
      readonly id: number;
      readonly periodMs: number;
      /** The most endpoints that a report may have. */
      readonly maxEndpoints?: number;
    }
  | { readonly type: 'stop'; readonly id: number }
  | { readonly type: 'echo'; readonly id: number };

/** A picture on its way. */
export interface StatsMessage extends Omit<StatsReport, 'status' | 'totals'> {
  readonly type: 'report';
  readonly id: number;
  /** The next one comes after this long; the other side may keep to a longer period than was asked for. */
  readonly periodMs?: number;
  /** The same as those of `stats`, unless told. */
  readonly totals?: StatsTotals;
}

/** What comes back, in the same form. `ended`: there will be no more reports. */
export type StatsAnswer =
  | StatsMessage
  | { readonly type: 'ended'; readonly id: number }
  | { readonly type: 'refused'; readonly id: number; readonly code: CommErrorCode; readonly text: string }
  | { readonly type: 'echo'; readonly id: number };

/** A request as a question to an endpoint. */
export function statsQuestion(request: StatsRequest): Question<StatsAnswer> {
  return { id: request.id, message: encodeJson(request), read: decodeAnswer, advice: ADVICE };
}

/** A request or answer as it travels. */
export function encodeJson(value: StatsRequest | StatsAnswer): Message {
  return textMessage(JSON.stringify(value));
}

/** The request that a message holds; `undefined` for anything else, answers to our own questions among it. */
export function decodeRequest(message: Message): StatsRequest | undefined {
  const value = parseObject(message);
  if (typeof value?.id !== 'number') return undefined;
  const { type, id, periodMs, maxEndpoints } = value;
  if (type === 'stop' || type === 'echo') return { type, id };
  if (type !== 'watch' || typeof periodMs !== 'number' || periodMs <= 0) return undefined;
  const isLimited = typeof maxEndpoints === 'number' && maxEndpoints >= 1;
  return { type, id, periodMs, ...(isLimited ? { maxEndpoints: Math.floor(maxEndpoints) } : {}) };
}

/** The answer that a message holds; `undefined` for anything else. */
export function decodeAnswer(message: Message): StatsAnswer | undefined {
  const value = parseObject(message);
  return value !== undefined && isAnswer(value) ? value : undefined;
}

const ADVICE =
  'it does not serve its stats; call serveStats there, or start it with "rxflare listen --stats"';

type Fields = Readonly<Record<string, unknown>>;

function isAnswer(value: Fields): value is Fields & StatsAnswer {
  if (typeof value.id !== 'number') return false;
  if (value.type === 'echo' || value.type === 'ended') return true;
  if (value.type === 'refused') return isCode(value.code) && typeof value.text === 'string';
  if (value.type !== 'report' || !isOptional(value.periodMs, 'number')) return false;
  if (!isOptional(value.totals, 'object') || value.totals === null) return false;
  return isPicture(value.stats) && Array.isArray(value.events);
}

function isOptional(value: unknown, type: 'number' | 'object'): boolean {
  return value === undefined || typeof value === type;
}

function isPicture(value: unknown): boolean {
  const { endpoints, connections } = (value ?? {}) as Fields;
  return Array.isArray(endpoints) && Array.isArray(connections);
}

function isCode(value: unknown): value is CommErrorCode {
  return typeof value === 'string' && Object.hasOwn(CommErrorCode, value);
}

function parseObject(message: Message): Fields | undefined {
  try {
    const value: unknown = JSON.parse(textOf(message));
    return typeof value === 'object' && value !== null ? (value as Fields) : undefined;
  } catch {
    return undefined; // Anybody may send anything under this app ID.
  }
}
