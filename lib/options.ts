import { asyncScheduler, type SchedulerLike } from 'rxjs';

import { CommError, CommErrorCode } from './comm-error.js';
import type { VerifyEndpoint } from './verify-endpoint.js';

/**
 * What a Communicator can be told. Every field has a default in {@link DEFAULTS}; times are milliseconds, sizes
 * bytes.
 */
export interface CommunicatorOptions {
  /** A PING is sent after this long without a sign of life. 0 turns the heartbeat off. */
  readonly heartbeatIntervalMs?: number;
  /**
   * A connection that shows no sign of life this long after a PING is closed with TIMEOUT: its other side is
   * gone without a word. 0 turns this off, for NVFlare 2.3 peers, which do not answer PING.
   */
  readonly heartbeatTimeoutMs?: number;
  /** A connection whose handshake takes longer is closed. */
  readonly handshakeTimeoutMs?: number;
  /**
   * After the handshake, messages are held until the peer shows that it knows us by answering a PING, at most
   * this long. NVFlare handles frames on many threads, so a message right behind the handshake can overtake it
   * there and be lost. 0 sends at once.
   */
  readonly settleTimeoutMs?: number;
  /** An attempt to connect that takes longer is given up and tried again. */
  readonly connectTimeoutMs?: number;
  /** The first wait before a connector that ended is started again. It doubles each time. */
  readonly reconnectDelayMs?: number;
  /** The longest such wait. */
  readonly maxReconnectDelayMs?: number;
  /** A run longer than this sets the wait back to the first one. */
  readonly reconnectResetMs?: number;
  /** 0 to 1: the part of each wait that is cut at random, so that many sites do not come back in step. */
  readonly reconnectJitter?: number;
  /** How long `stop` and `removeConnector` try to deliver what `send` accepted. */
  readonly drainTimeoutMs?: number;
  /** The largest frame accepted. */
  readonly maxFrameBytes?: number;
  /** `send` answers false from this many waiting bytes on an endpoint. */
  readonly highWaterMarkBytes?: number;
  /** `send` throws from this many. One message larger than that is accepted when nothing waits. */
  readonly maxQueuedBytes?: number;
  /** When receivers that returned a promise hold this many bytes of a connection, reading from it pauses. */
  readonly maxPendingBytes?: number;
  /** How many disconnected endpoints are remembered; the longest gone is forgotten first. */
  readonly maxDisconnectedEndpoints?: number;
  /**
   * How many connections a listener has at most. Where it has them all, a newcomer takes the place of the oldest
   * whose handshake is not done, or else is closed.
   */
  readonly maxConnections?: number;
  /**
   * How many of them may come from one remote address. As many as there are, unless told: all sites of a hospital
   * can be behind one address (NAT), and those of all the world behind that of a proxy. Set it where each site has
   * an address of its own.
   */
  readonly maxConnectionsPerAddress?: number;
  /**
   * How many of a listener's connections may have their handshake before them. Beyond that the oldest of them is
   * closed: a site does its handshake at once, so those that are silent keep no site out.
   */
  readonly maxUnauthenticatedConnections?: number;
  /** How many properties a peer may present, those inside of others included. In bytes they have 64 KiB. */
  readonly maxEndpointProperties?: number;
  /** Which certificate belongs to which endpoint name, where the rule of names does not say it (mtls). */
  readonly identityMap?: IdentityMap;
  /** Decides who may join, beside the rules of names and certificates. Everyone who passes those, unless told. */
  readonly verifyEndpoint?: VerifyEndpoint;
  /** Who keeps a name when a second connection presents it while the first one lives; see {@link DuplicateName}. */
  readonly duplicateName?: DuplicateName;
  /** Where time comes from: a `TestScheduler` for virtual time. */
  readonly scheduler?: SchedulerLike;
}

/**
 * `newcomer`: a second connection under a name takes the place of the first, as in NVFlare. From the third time
 * within a minute it waits for it, up to 10 s but no longer than half of `handshakeTimeoutMs`: two live endpoints
 * under one name would evict each other as fast as they can.
 *
 * `incumbent`: the second one is refused. The first is asked for a sign of life at once; where it gives none for
 * `heartbeatTimeoutMs`, or half of `handshakeTimeoutMs` if that is shorter, it is taken for dead and the second
 * one comes in.
 */
export type DuplicateName = 'newcomer' | 'incumbent';

/** Endpoint names to the common names of their certificates. */
export interface IdentityMap {
  /** For exactly this name. */
  readonly exact?: Readonly<Record<string, string>>;
  /** For this name and all below it; the longest one counts. */
  readonly prefix?: Readonly<Record<string, string>>;
}

/** Options with nothing left out. */
export type ResolvedOptions = Required<CommunicatorOptions>;

/** The default of every option. */
export const DEFAULTS: ResolvedOptions = {
  heartbeatIntervalMs: 60_000,
  heartbeatTimeoutMs: 30_000,
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
  scheduler: asyncScheduler,
};

/** Timers take no longer time than this: 2^31 - 1 ms, about 24 days. */
const MAX_MS = 2 ** 31 - 1;

/**
 * Fills in the defaults.
 *
 * @throws CommError `BAD_CONFIG` for an option that does not exist, or a value that cannot be
 */
export function resolveOptions(options: CommunicatorOptions = {}): ResolvedOptions {
  const resolved = { ...DEFAULTS };
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (value === undefined) continue;
    const fault = optionFault(name, value);
    if (fault !== undefined) throw badOption(name, fault);
    Object.assign(resolved, { [name]: value });
  }
  return resolved;
}

function optionFault(name: string, value: unknown): string | undefined {
  if (!Object.hasOwn(DEFAULTS, name)) return 'there is no such option';
  const expected = typeof DEFAULTS[name as keyof ResolvedOptions];
  if (value === null || typeof value !== expected) return `expected a ${expected}, got a ${typeof value}`;
  if (name === 'duplicateName' && value !== 'newcomer' && value !== 'incumbent')
    return `expected 'newcomer' or 'incumbent', got ${JSON.stringify(value)}`;
  if (typeof value !== 'number') return undefined;
  const [least, most] = rangeOf(name);
  return value >= least && value <= most ? undefined : `expected ${least} to ${most}, got ${value}`;
}

function rangeOf(name: string): [least: number, most: number] {
  if (name === 'reconnectDelayMs' || name === 'maxReconnectDelayMs') return [1, MAX_MS];
  if (name === 'reconnectJitter') return [0, 1];
  if (/^max\w*Connections/.test(name)) return [1, Number.MAX_SAFE_INTEGER];
  if (name === 'maxFrameBytes') return [0, DEFAULTS.maxFrameBytes];
  return [0, name.endsWith('Ms') ? MAX_MS : Number.MAX_SAFE_INTEGER];
}

function badOption(name: string, detail: string): CommError {
  return new CommError(CommErrorCode.BAD_CONFIG, `option ${name}: ${detail}`);
}
