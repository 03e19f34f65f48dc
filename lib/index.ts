/**
 * The Node entry; bundlers for browsers get the same API with the drivers that a page can have.
 *
 * @module rxflare
 */

export type { MessageReceiver, ReceivedMessage } from './received-message.js';
export { QueueFullError } from './comm-error.js';
import { Communicator as BaseCommunicator } from './communicator.js';
import { GrpcDriver } from './drivers/grpc/grpc-driver.js';
import { InProcessDriver } from './drivers/in-process/in-process-driver.js';
import { SharedFileDriver } from './drivers/shared-file/shared-file-driver.js';
import { TcpDriver } from './drivers/tcp/tcp-driver.js';
import { WebSocketDriver } from './drivers/websocket/websocket-driver.js';
import type { Endpoint } from './endpoint.js';
import type { CommunicatorOptions } from './options.js';
import { DriverRegistry } from './transport/driver-registry.js';

export { CommError, CommErrorCode } from './comm-error.js';
export type { Monitor, StartedListener } from './communicator.js';
export { DriverRegistry } from './transport/driver-registry.js';
export { GrpcDriver } from './drivers/grpc/grpc-driver.js';
export { InProcessDriver, type InProcessOptions } from './drivers/in-process/in-process-driver.js';
export { SharedFileDriver, type SharedFileOptions } from './drivers/shared-file/shared-file-driver.js';
export type { SharedFileSettings } from './drivers/shared-file/tuning.js';
export { TcpDriver } from './drivers/tcp/tcp-driver.js';
export type { GenerateMask } from './drivers/websocket/mask.js';
export { WebSocketDriver, type WebSocketDriverOptions } from './drivers/websocket/websocket-driver.js';
export { Endpoint, type EndpointMonitor, type EndpointProperties, EndpointState } from './endpoint.js';
export type {
  CallbackErrorEvent,
  ConnectedEvent,
  DisconnectedEvent,
  DroppedEvent,
  EndpointEvent,
  EvictedEvent,
  LifecycleEvent,
  LimitedEvent,
  ListeningEvent,
  RefusedEvent,
  RetryingEvent,
} from './lifecycle.js';
export {
  AppIds,
  type HeaderValue,
  type Message,
  type MessageHeaders,
  textMessage,
  textOf,
} from './message.js';
export type { WatchOptions } from './monitor/watch-options.js';
export { MonitorAppIds } from './monitor/monitor-app-ids.js';
export { type RelayedMessage, relayedMessages, sendThrough } from './monitor/relay.js';
export type { ReportedEvent } from './monitor/reported-event.js';
export { roundTrips } from './monitor/round-trips.js';
export { serveRelay, type ServeRelayOptions } from './monitor/serve-relay.js';
export { serveStats, type ServeStatsOptions } from './monitor/serve-stats.js';
export type { StatsReport, StatsStatus } from './monitor/stats-report.js';
export type { StatsTotals } from './monitor/stats-totals.js';
export { watchStats, type WatchStatsOptions } from './monitor/watch-stats.js';
export type { WatcherLimits } from './monitor/watchers.js';
export {
  type CommunicatorOptions,
  DEFAULTS,
  type DuplicateName,
  type IdentityMap,
  type ResolvedOptions,
} from './options.js';
export { type Diagnosis, diagnose } from './monitor/diagnose.js';
export { probe, ProbeError, type ProbeEvent, type ProbeOptions, type ProbeStage } from './monitor/probe.js';
export {
  type CommunicatorStats,
  type ConnectionStats,
  type EndpointStats,
  SEND_TIME_BOUNDS_MS,
  type SendTimes,
  type Tally,
} from './stats.js';
export { BaseConnection } from './transport/base-connection.js';
export type { Connection, ConnectionProperties } from './transport/connection.js';
export {
  type ConnectionLimit,
  ConnectionLimitError,
  type LimitReport,
} from './transport/connection-limiter.js';
export type { Connector, ConnectorState } from './transport/connector.js';
export {
  ConnectionSecurity,
  type Driver,
  type DriverCapabilities,
  type DriverParams,
  type Listener,
  type ListenerUrls,
  Mode,
  type Pem,
  type PortRanges,
  type Resources,
} from './transport/driver.js';
export { formatUrl, parseUrl } from './transport/url.js';
export type { EndpointCandidate, Verdict, VerifyEndpoint } from './verify-endpoint.js';
export { splitFrames } from './wire/split-frames.js';

/** The drivers of the Node entry, in a registry of their own. */
export function nodeDrivers(): DriverRegistry {
  return new DriverRegistry([
    new TcpDriver(),
    new WebSocketDriver(),
    new GrpcDriver(),
    new SharedFileDriver(),
    new InProcessDriver(),
  ]);
}

/**
 * The Communicator of the Node entry, with the drivers for tcp, http and grpc, in the clear and with TLS, for shared-file
 * and for inproc.
 *
 * @example
 * ```ts
 * const hub = new Communicator(new Endpoint('hub'));
 * hub.addConnector('tcp://0:8002', Mode.PASSIVE);
 * hub.registerMessageReceiver(AppIds.DEFAULT, ({ endpoint, message }) =>
 *   console.log(endpoint.name, textOf(message)),
 * );
 * await hub.start();
 * ```
 */
export class Communicator extends BaseCommunicator {
  /**
   * @param localEndpoint - our own name, public properties, and connection parameters such as certificates
   * @param options - see {@link DEFAULTS}
   * @param drivers - by default those of this entry
   * @throws CommError `BAD_CONFIG` for an option that cannot be
   */
  constructor(
    localEndpoint: Endpoint,
    options?: CommunicatorOptions,
    drivers: DriverRegistry = nodeDrivers(),
  ) {
    super(localEndpoint, options, drivers);
  }
}
