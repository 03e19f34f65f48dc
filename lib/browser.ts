export type { MessageReceiver, ReceivedMessage } from './received-message.js';
export { QueueFullError } from './comm-error.js';
import { Communicator as BaseCommunicator } from './communicator.js';
import { InProcessDriver } from './drivers/in-process/in-process-driver.js';
import { NativeWebSocketDriver } from './drivers/websocket/native-websocket-driver.js';
import type { Endpoint } from './endpoint.js';
import type { CommunicatorOptions } from './options.js';
import { DriverRegistry } from './transport/driver-registry.js';

export { CommError, CommErrorCode } from './comm-error.js';
export type { Monitor, StartedListener } from './communicator.js';
export { DriverRegistry } from './transport/driver-registry.js';
export { InProcessDriver, type InProcessOptions } from './drivers/in-process/in-process-driver.js';
export { InboxFullError } from './drivers/websocket/frame-inbox.js';
export {
  NativeWebSocketDriver,
  type NativeWebSocketOptions,
} from './drivers/websocket/native-websocket-driver.js';
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

/** The drivers of the browser entry, in a registry of their own. */
export function browserDrivers(): DriverRegistry {
  return new DriverRegistry([new NativeWebSocketDriver(), new InProcessDriver()]);
}

/**
 * The Communicator of the browser entry, with the drivers for http, https, ws, wss and inproc. It connects to
 * listeners; a page cannot listen itself.
 *
 * @example
 * ```ts
 * const page = new Communicator(new Endpoint('page-1'));
 * page.addConnector('wss://hub.example.com:8002', Mode.ACTIVE);
 * page.registerMessageReceiver(AppIds.DEFAULT, ({ endpoint, message }) =>
 *   console.log(endpoint.name, textOf(message)),
 * );
 * await page.start();
 * ```
 */
export class Communicator extends BaseCommunicator {
  /**
   * @param localEndpoint - our own name, public properties, and connection parameters
   * @param options - see {@link DEFAULTS}
   * @param drivers - by default those of this entry
   * @throws CommError `BAD_CONFIG` for an option that cannot be
   */
  constructor(
    localEndpoint: Endpoint,
    options?: CommunicatorOptions,
    drivers: DriverRegistry = browserDrivers(),
  ) {
    super(localEndpoint, options, drivers);
  }
}
