import { asyncScheduler, type SchedulerLike } from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { FobsDialect } from '../fobs/sections.js';
import { LONGEST_TIMER_MS } from '../longest-timer.js';
import type { MessageHeaders } from '../message.js';
import { type Range, requireOptions } from '../require-options.js';
import { REFERENCE_DEFAULTS, type ReferenceOptions } from './reference-options.js';
import { STREAM_DEFAULTS, type StreamOptions } from './stream-options.js';

/** How a cell works. */
export interface CellOptions {
  /**
   * How long a request waits for its reply, in milliseconds. Default: 10,000. Range: 0 to Infinity. NVFlare waits an hour.
   */
  readonly requestTimeoutMs?: number;
  /**
   * How long a neighbour that has disconnected may take to come back, in milliseconds. Default: 0. Range: 0 to 2^31 - 1. Then
   * all fails that waits for it: requests to it, and streams from and to it that are not reliable; and its handlers stop. A
   * reply that a neighbour has ready after it came back is lost without this. NVFlare waits for the whole time-out.
   */
  readonly reconnectGraceMs?: number;
  /**
   * The FOBS dialect for cells from which no value has come yet, `2.4` or `2.7`; later each is answered in its own. Default:
   * `2.7`, for NVFlare 2.7 and later; `2.4` is for 2.4 to 2.6.
   */
  readonly dialect?: FobsDialect;
  /** How streams are sent and received. */
  readonly streams?: StreamOptions;
  /** How arrays are pulled that come by reference, and kept that are sent so. */
  readonly references?: ReferenceOptions;
  /** For tests in virtual time. Default: RxJS's `asyncScheduler`. */
  readonly scheduler?: SchedulerLike;
}

/** How a message is sent that no reply is expected to. */
export interface FireOptions {
  /** Headers of the application; names that begin with `cn__` belong to cells. */
  readonly headers?: MessageHeaders;
  /** Cells on the way do not warn where they cannot pass it on. Default: false. */
  readonly optional?: boolean;
}

/** How one request is made. */
export interface RequestOptions extends FireOptions {
  /**
   * How long until the reply has come, in milliseconds: the arrays that it refers to are pulled in the times of
   * `references`. Default: `requestTimeoutMs` of the cell. Range: 0 to Infinity.
   */
  readonly timeoutMs?: number;
  /**
   * It is sent as a stream, and so answered: its time-out begins anew whenever something moves. Default: whether the payload
   * is larger than a chunk, on channels where NVFlare streams requests.
   */
  readonly stream?: boolean;
}

/** The options of a cell, with defaults for all that is not given. */
export interface ResolvedCellOptions extends Required<CellOptions> {
  readonly streams: Required<StreamOptions>;
  readonly references: Required<ReferenceOptions>;
}

const DEFAULTS: ResolvedCellOptions = {
  requestTimeoutMs: 10_000,
  reconnectGraceMs: 0,
  dialect: '2.7',
  streams: STREAM_DEFAULTS,
  references: REFERENCE_DEFAULTS,
  scheduler: asyncScheduler,
};

const NO_LIMIT: Range = [0, Number.POSITIVE_INFINITY];
/** What happens again and again cannot do so all the time. */
const PERIOD_MS: Range = [1, LONGEST_TIMER_MS];

const STREAM_RANGES = {
  chunkBytes: [1, 1024 ** 3, 'integer'],
  windowBytes: [1, Number.MAX_SAFE_INTEGER, 'integer'],
  ackTimeoutMs: PERIOD_MS,
  retryMs: PERIOD_MS,
  idleTimeoutMs: PERIOD_MS,
} as const;

const REFERENCE_RANGES = { stepTimeoutMs: PERIOD_MS, pullTimeoutMs: PERIOD_MS, keepMs: PERIOD_MS };

const DIALECTS: readonly FobsDialect[] = ['2.4', '2.7'];

/** What each option looks like; none is a default. */
const FIRE_SHAPES: Required<FireOptions> = { headers: {}, optional: false };
const REQUEST_SHAPES: Required<RequestOptions> = { ...FIRE_SHAPES, timeoutMs: 0, stream: false };

/**
 * Fills in the defaults.
 *
 * @throws CommError `BAD_CONFIG` for an unknown option, or a value of the wrong type or out of range
 */
export function resolveCellOptions(given: CellOptions = {}): ResolvedCellOptions {
  const { streams = {}, references = {} } = given;
  requireOptions(given, DEFAULTS, 'a cell', { requestTimeoutMs: NO_LIMIT });
  requireOptions(streams, STREAM_DEFAULTS, 'the streams of a cell', STREAM_RANGES);
  requireOptions(references, REFERENCE_DEFAULTS, 'the references of a cell', REFERENCE_RANGES);
  const { dialect = DEFAULTS.dialect } = given;
  if (!DIALECTS.includes(dialect))
    throw new CommError(
      CommErrorCode.BAD_CONFIG,
      `a cell: option dialect: expected 2.4 or 2.7, got ${dialect}`,
    );
  return {
    ...DEFAULTS,
    ...withoutUndefined(given),
    streams: { ...STREAM_DEFAULTS, ...withoutUndefined(streams) },
    references: { ...REFERENCE_DEFAULTS, ...withoutUndefined(references) },
  };
}

/** @throws CommError `BAD_CONFIG` for an unknown option, or a value of the wrong type or out of range */
export function requireRequestOptions(given: RequestOptions): void {
  requireOptions(given, REQUEST_SHAPES, 'a request', { timeoutMs: NO_LIMIT });
}

/** @throws CommError `BAD_CONFIG` for an unknown option, or a value of the wrong type */
export function requireFireOptions(given: FireOptions): void {
  requireOptions(given, FIRE_SHAPES, 'a message');
}

function withoutUndefined<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}
