import { asyncScheduler, isObservable, type Observable, type SchedulerLike } from 'rxjs';

import { type Cluster, NO_CLUSTER } from './cluster-contract.js';
import { CommError, CommErrorCode } from './comm-error.js';
import type { EndpointProperties } from './endpoint.js';
import { LONGEST_TIMER_MS } from './longest-timer.js';
import { type Range, rangeFault, typeFault } from './require-options.js';
import type { VerifyEndpoint } from './verify-endpoint.js';

/**
 * The options of a Communicator; every one may be left out. Fields that end in `Ms` are times in milliseconds, those
 * that end in `Bytes` are sizes in bytes. {@link DEFAULTS} holds the defaults.
 */
export interface CommunicatorOptions {
  /**
   * After this time without a sign of life from a peer, a PING is sent to it. 0 sends none, but for those of a
   * connection that our receivers have paused: they tell its peer that we are busy, and live.
   * Default: 30,000. Range: 0 to 2^31 - 1.
   */
  readonly heartbeatIntervalMs?: number;
  /**
   * A connection that shows no sign of life for this time after a PING is closed with TIMEOUT. 0 turns this off, for
   * NVFlare 2.3 peers, which do not answer PING. The default is longer than the time after which an NVFlare peer sends a
   * PING of its own: one whose workers are all busy answers none. Default: 75,000. Range: 0 to 2^31 - 1.
   */
  readonly heartbeatTimeoutMs?: number;
  /**
   * A connection whose handshake takes longer is closed with TIMEOUT. Default: 10,000. Range: 0 to 2^31 - 1.
   */
  readonly handshakeTimeoutMs?: number;
  /**
   * The longest time that messages are held after the handshake, until the peer answers a PING and so shows that it
   * knows us. NVFlare handles frames on many threads, so a message right behind the handshake can overtake it there
   * and be lost. 0 sends at once. Default: 500. Range: 0 to 2^31 - 1.
   */
  readonly settleTimeoutMs?: number;
  /** An attempt to connect that takes longer fails, and is repeated. Default: 10,000. Range: 0 to 2^31 - 1. */
  readonly connectTimeoutMs?: number;
  /**
   * The first wait before a connector that ended is started again. Each wait is twice the one before.
   * Default: 1,000. Range: 1 to 2^31 - 1.
   */
  readonly reconnectDelayMs?: number;
  /** The longest such wait. Default: 10,000. Range: 1 to 2^31 - 1. */
  readonly maxReconnectDelayMs?: number;
  /**
   * After a connection or listener that lived longer than this, the next wait is the first one again.
   * Default: 10,000. Range: 0 to 2^31 - 1.
   */
  readonly reconnectResetMs?: number;
  /**
   * Each wait is shortened at random by up to this part of it, so that many sites do not reconnect at the same time.
   * Default: 0.1. Range: 0 to 1.
   */
  readonly reconnectJitter?: number;
  /**
   * How long `stop`, `removeConnector` and `removeEndpoint` try to deliver what `send` accepted.
   * Default: 5,000. Range: 0 to 2^31 - 1.
   */
  readonly drainTimeoutMs?: number;
  /** The largest frame that is accepted after the handshake. Default: 2 GiB - 2 MiB. Range: 0 to 2 GiB - 2 MiB. */
  readonly maxFrameBytes?: number;
  /** While this much or more waits for an endpoint, `send` answers false. Default: 1 MiB. Range: 0 to 2^53 - 1. */
  readonly highWaterMarkBytes?: number;
  /**
   * Once `send` has answered false, it throws a `QueueFullError` for a message that would make the queue of its endpoint
   * larger than this. While it answers true, it accepts a message of any size. At least `highWaterMarkBytes`.
   * Default: 64 MiB. Range: 0 to 2^53 - 1.
   */
  readonly maxQueuedBytes?: number;
  /**
   * While receivers that returned a promise hold more memory of one connection, reading from it pauses.
   * Default: 16 MiB. Range: 0 to 2^53 - 1.
   */
  readonly maxPendingBytes?: number;
  /**
   * How many disconnected endpoints are remembered. The one that disconnected first is forgotten first.
   * Default: 1,000. Range: 0 to 2^53 - 1.
   */
  readonly maxDisconnectedEndpoints?: number;
  /**
   * Maximum connections of one listener. At this limit a new connection replaces the oldest one that has not
   * completed its handshake; where all have, the new one is closed. Default: 20,000. Range: 1 to 2^53 - 1.
   */
  readonly maxConnections?: number;
  /**
   * Maximum connections of one listener per remote address (IPv6: per /64). Default: 20,000, as `maxConnections`,
   * since many sites may share one NAT or proxy address. Range: 1 to 2^53 - 1.
   */
  readonly maxConnectionsPerAddress?: number;
  /**
   * Maximum connections of one listener that have not completed their handshake. At this limit a new connection
   * replaces the oldest of them: sites complete it at once, so silent connections keep no site out.
   * Default: 4,000. Range: 1 to 2^53 - 1.
   */
  readonly maxUnauthenticatedConnections?: number;
  /**
   * Maximum properties that a peer may present, nested ones included. All of them must fit 64 KiB.
   * Default: 1,000. Range: 0 to 2^53 - 1.
   */
  readonly maxEndpointProperties?: number;
  /**
   * Which certificate belongs to which endpoint name under mtls, where the rule of names does not say it.
   * Default: no entries.
   */
  readonly identityMap?: IdentityMap;
  /** Decides who may join, after the checks of names and certificates. Default: everyone who passes those. */
  readonly verifyEndpoint?: VerifyEndpoint;
  /**
   * Which connection keeps a name when a second one presents it while the first one lives, see {@link DuplicateName}.
   * Default: `newcomer`.
   */
  readonly duplicateName?: DuplicateName;
  /**
   * What a connector does when the peer refuses us. `retry`: as after any other end of a connection. `stop`: it stops, until
   * it is removed and added again. In the clear anybody on the way can forge a refusal, and so stop it for good; with TLS
   * only the authenticated peer can. Default: `retry`.
   */
  readonly afterRefusal?: 'retry' | 'stop';
  /**
   * More properties for the handshakes of our connectors, asked for at each attempt, such as a token that is renewed. See
   * {@link PropertiesSource}. Default: none.
   */
  readonly properties?: PropertiesSource;
  /**
   * The cluster that this communicator is a replica of: what `cluster` of `rxflare/cluster` gives. Default: none, it is
   * the only one that has its endpoints.
   */
  readonly cluster?: Cluster;
  /** The source of time: a `TestScheduler` for virtual time. Default: `asyncScheduler` of RxJS. */
  readonly scheduler?: SchedulerLike;
}

/**
 * `newcomer`: a second connection under a name replaces the first, as in NVFlare. From the third time within a minute
 * the newcomer has to wait, up to 10 s but no longer than half of `handshakeTimeoutMs`: two live endpoints under one
 * name would otherwise evict each other as fast as they can.
 *
 * `incumbent`: the second connection is refused. The first is asked for a sign of life at once. If it gives none
 * within `heartbeatTimeoutMs`, it counts as dead, since one that is busy has given one by then, and the second one is
 * admitted. Where that takes longer than half of `handshakeTimeoutMs`, the second one is refused and comes in at a later
 * attempt.
 */
export type DuplicateName = 'newcomer' | 'incumbent';

/**
 * Properties for one handshake: a function that returns them, a promise of them or an Observable, or an Observable itself.
 * It is asked when a connection that we make is there; of an Observable the first value counts, so that a `BehaviorSubject`
 * gives its latest. They are added to those of the local endpoint, and win. If it fails, or has none within
 * `handshakeTimeoutMs`, the connection is closed and the connector tries again.
 */
export type PropertiesSource =
  | Observable<EndpointProperties>
  | (() => EndpointProperties | PromiseLike<EndpointProperties> | Observable<EndpointProperties>);

/** Endpoint names to the common names of their certificates. */
export interface IdentityMap {
  /** For exactly this name. */
  readonly exact?: Readonly<Record<string, string>>;
  /** For this name and all names below it; the longest matching entry counts. */
  readonly prefix?: Readonly<Record<string, string>>;
}

/** Options with nothing left out. */
export type ResolvedOptions = Required<CommunicatorOptions>;

/** The default of every option. */
export const DEFAULTS: ResolvedOptions = {
  heartbeatIntervalMs: 30_000,
  heartbeatTimeoutMs: 75_000,
  handshakeTimeoutMs: 10_000,
  settleTimeoutMs: 500,
  connectTimeoutMs: 10_000,
  reconnectDelayMs: 1_000,
  maxReconnectDelayMs: 10_000,
  reconnectResetMs: 10_000,
  reconnectJitter: 0.1,
  drainTimeoutMs: 5_000,
  maxFrameBytes: 2 * 1024 ** 3 - 2 * 1024 ** 2,
  highWaterMarkBytes: 1024 ** 2,
  maxQueuedBytes: 64 * 1024 ** 2,
  maxPendingBytes: 16 * 1024 ** 2,
  maxDisconnectedEndpoints: 1_000,
  maxConnections: 20_000,
  maxConnectionsPerAddress: 20_000,
  maxUnauthenticatedConnections: 4_000,
  maxEndpointProperties: 1_000,
  identityMap: {},
  verifyEndpoint: () => true,
  duplicateName: 'newcomer',
  afterRefusal: 'retry',
  properties: () => ({}),
  cluster: NO_CLUSTER,
  scheduler: asyncScheduler,
};

/** The values of the options that have a few. */
const CHOICES: Readonly<Record<string, readonly unknown[]>> = {
  duplicateName: ['newcomer', 'incumbent'] satisfies DuplicateName[],
  afterRefusal: ['retry', 'stop'] satisfies ResolvedOptions['afterRefusal'][],
};

/**
 * Fills in the defaults.
 *
 * @throws CommError `BAD_CONFIG` for an unknown option, or a value of the wrong type or out of range
 */
export function resolveOptions(options: CommunicatorOptions = {}): ResolvedOptions {
  const resolved = { ...DEFAULTS };
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (value === undefined) continue;
    const fault = faultOf(name, value);
    if (fault !== undefined) throw badOption(name, fault);
    Object.assign(resolved, { [name]: value });
  }
  if (resolved.maxQueuedBytes < resolved.highWaterMarkBytes) {
    throw badOption('maxQueuedBytes', `expected at least highWaterMarkBytes, ${resolved.highWaterMarkBytes}`);
  }
  return resolved;
}

function faultOf(name: string, value: unknown): string | undefined {
  if (name === 'properties' && isObservable(value)) return undefined;
  const fault = typeFault(DEFAULTS, name, value);
  if (fault !== undefined) return fault;
  const choices = CHOICES[name];
  if (choices?.includes(value) === false)
    return `expected '${choices.join("' or '")}', got ${JSON.stringify(value)}`;
  return rangeFault(value, rangeOf(name));
}

function rangeOf(name: string): Range {
  if (name === 'reconnectDelayMs' || name === 'maxReconnectDelayMs') return [1, LONGEST_TIMER_MS];
  if (name === 'reconnectJitter') return [0, 1];
  if (/^max\w*Connections/.test(name)) return [1, Number.MAX_SAFE_INTEGER];
  if (name === 'maxFrameBytes') return [0, DEFAULTS.maxFrameBytes];
  return [0, name.endsWith('Ms') ? LONGEST_TIMER_MS : Number.MAX_SAFE_INTEGER];
}

function badOption(name: string, detail: string): CommError {
  return new CommError(CommErrorCode.BAD_CONFIG, `option ${name}: ${detail}`);
}
