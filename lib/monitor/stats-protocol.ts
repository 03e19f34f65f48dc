import { isMatching, P } from 'ts-pattern';

import { type Message, textMessage } from '../message.js';
import { readJson } from '../read-json.js';
import { DETAILS, type EndpointDetails } from './endpoint-details.js';
import { answerTo, type Question } from './question.js';
import { type Refusal, REFUSAL } from './refusal.js';
import { EVENT, HISTORY_SAMPLE, STATS, TOTALS } from './stats-patterns.js';
import type { StatsReport } from './stats-report.js';
import type { StatsTotals } from './stats-totals.js';

/** The largest request that is parsed, in bytes. */
export const MAX_REQUEST_BYTES = 1_024;

/** The largest answer that is parsed, in bytes: a report on about 28,000 endpoints. */
export const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/**
 * What a watcher asks for, as JSON in UTF-8 without headers. The watcher chooses `id`; every answer repeats it. A
 * second `watch` under an ID takes the place of the first.
 */
export type StatsRequest =
  | {
      readonly type: 'watch';
      readonly id: number;
      readonly periodMs: number;
      /** The most endpoints that a report may have, from 1. */
      readonly maxEndpoints?: number;
      /** Whether the first report is to have the last hour. Default: false. */
      readonly history?: boolean;
      /** Report on the endpoints only that have this in their name. */
      readonly find?: string;
    }
  | { readonly type: 'describe'; readonly id: number; readonly name: string }
  | { readonly type: 'stop'; readonly id: number }
  | { readonly type: 'echo'; readonly id: number };

/** A report as it travels. */
export interface StatsMessage extends Omit<StatsReport, 'status' | 'totals'> {
  readonly type: 'report';
  readonly id: number;
  /** The next report comes after this time, which may be longer than the period asked for. */
  readonly periodMs?: number;
  /** Default: the totals of `stats`. */
  readonly totals?: StatsTotals;
}

/** What comes back, in the same form. `ended`: there will be no more reports. */
export type StatsAnswer =
  | StatsMessage
  | { readonly type: 'ended'; readonly id: number }
  /** Without details where there is no such endpoint. */
  | { readonly type: 'described'; readonly id: number; readonly details?: EndpointDetails }
  | Refusal
  | { readonly type: 'echo'; readonly id: number };

/** A request as a question to an endpoint. */
export function statsQuestion(request: StatsRequest): Question<StatsAnswer> {
  const { id } = request;
  return {
    id,
    message: encodeJson(request),
    read: (message) => answerTo(id, readJson(message, MAX_ANSWER_BYTES), isAnswer, isRequest),
    advice: ADVICE,
  };
}

/** A request or answer as it travels. */
export function encodeJson(value: StatsRequest | StatsAnswer): Message {
  return textMessage(JSON.stringify(value));
}

/**
 * The request that a message holds; `undefined` for anything else, answers to our own questions among it. What is
 * larger than {@link MAX_REQUEST_BYTES} is not looked at.
 */
export function decodeRequest(message: Message): StatsRequest | undefined {
  try {
    const value = readJson(message, MAX_REQUEST_BYTES);
    return isRequest(value) ? value : undefined;
  } catch {
    return undefined; // Every endpoint may send anything under this app ID.
  }
}

const ADVICE =
  'it does not serve its stats; call serveStats there, or start it with "rxflare listen --stats"';

const REQUEST = P.union(
  {
    type: 'watch',
    id: P.number,
    periodMs: P.number.positive(),
    maxEndpoints: P.optional(P.number.gte(1)),
    history: P.optional(P.boolean),
    find: P.optional(P.string),
  },
  { type: 'describe', id: P.number, name: P.string },
  { type: P.union('stop', 'echo'), id: P.number },
);

const REPORT = {
  type: 'report',
  id: P.number,
  periodMs: P.optional(P.number),
  stats: STATS,
  totals: P.optional(TOTALS),
  events: P.array(EVENT),
  missedEvents: P.number,
  history: P.optional(P.array(HISTORY_SAMPLE)),
  found: P.optional(P.number),
} as const satisfies Record<keyof StatsMessage, unknown>;

const DESCRIBED = { type: 'described', id: P.number, details: P.optional(DETAILS) } as const;

const ANSWER = P.union(REPORT, REFUSAL, DESCRIBED, { type: P.union('ended', 'echo'), id: P.number });

function isRequest(value: unknown): value is StatsRequest {
  return isMatching(REQUEST, value);
}

function isAnswer(value: unknown): value is StatsAnswer {
  return isMatching(ANSWER, value);
}
