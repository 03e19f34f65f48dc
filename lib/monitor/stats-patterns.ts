import { P } from 'ts-pattern';

import { EndpointState } from '../endpoint.js';
import type {
  ClusterStats,
  CommunicatorStats,
  ConnectionStats,
  EndpointStats,
  HopStats,
  ReplicaStats,
  SendTimes,
  Tally,
} from '../stats.js';
import { oneOf } from './one-of.js';
import type { ReportedEvent } from './reported-event.js';
import type { HistorySample } from './stats-history.js';
import type { StatsTotals } from './stats-totals.js';

/** A pattern for each field of a type; a field that is new there is an error here. */
type Fields<T> = Readonly<Record<keyof T, unknown>>;

const TALLY = { messages: P.number, bytes: P.number } as const satisfies Fields<Tally>;

const SEND_TIMES = {
  count: P.number,
  sumMs: P.number,
  maxMs: P.number,
  bins: P.array(P.number),
} as const satisfies Fields<SendTimes>;

const ENDPOINT = {
  name: P.string,
  state: oneOf(EndpointState),
  replica: P.optional(P.string),
  isWatcher: P.optional(true),
  sent: TALLY,
  received: TALLY,
  queued: TALLY,
  undelivered: TALLY,
  unknown: TALLY,
  unclaimed: TALLY,
  sendTimes: SEND_TIMES,
} as const satisfies Fields<EndpointStats>;

const CONNECTION = {
  name: P.string,
  handle: P.string,
  scheme: P.string,
  endpointName: P.optional(P.string),
  localAddr: P.string,
  peerAddr: P.string,
  tls: P.optional(P.string),
  sent: TALLY,
  received: TALLY,
  buffered: TALLY,
  pendingBytes: P.number,
  isPaused: P.boolean,
} as const satisfies Fields<ConnectionStats>;

const HOP = { to: P.string, ...TALLY } as const satisfies Fields<HopStats>;

const REPLICA = {
  id: P.string,
  isClosing: P.boolean,
  endpoints: P.number,
  sentTo: P.array(HOP),
} as const satisfies Fields<ReplicaStats>;

const CLUSTER = {
  name: P.string,
  replica: P.string,
  isConnected: P.boolean,
  rejected: P.number,
  sent: TALLY,
  received: TALLY,
  replicas: P.array(REPLICA),
} as const satisfies Fields<ClusterStats>;

/**
 * The stats of a communicator as they travel.
 *
 * @internal
 */
export const STATS = {
  name: P.string,
  at: P.number,
  endpoints: P.array(ENDPOINT),
  connections: P.array(CONNECTION),
  cluster: P.optional(CLUSTER),
} as const satisfies Fields<CommunicatorStats>;

/**
 * Sums of stats as they travel.
 *
 * @internal
 */
export const TOTALS = {
  endpoints: P.number,
  ready: P.number,
  watchers: P.number,
  connections: P.number,
  received: TALLY,
  sent: TALLY,
  queued: TALLY,
  undelivered: TALLY,
  unknown: TALLY,
} as const satisfies Fields<StatsTotals>;

/**
 * A sample of the last hour as it travels.
 *
 * @internal
 */
export const HISTORY_SAMPLE = {
  at: P.number,
  ready: P.number,
  received: TALLY,
  sent: TALLY,
} as const satisfies Fields<HistorySample>;

/**
 * An event as it travels. Any type passes: a later version may report others.
 *
 * @internal
 */
export const EVENT = {
  at: P.number,
  type: P.string,
  text: P.string,
  endpointName: P.optional(P.string),
  code: P.optional(P.string),
  url: P.optional(P.string),
  isWatcher: P.optional(true),
} as const satisfies Fields<ReportedEvent>;
