/**
 * To watch communicators and to test connections: stats of another endpoint, messages through another endpoint, round
 * trips, and why a hub cannot be reached. The same for Node and for browsers.
 *
 * @module rxflare/monitor
 */

export type { WatchOptions } from './watch-options.js';
export { describeEndpoint } from './describe-endpoint.js';
export type { CertificateDetails, EndpointDetails } from './endpoint-details.js';
export type { HistorySample } from './stats-history.js';
export { diagnose } from './diagnose.js';
export type { Diagnosis } from './diagnosis.js';
export { MonitorAppIds } from './monitor-app-ids.js';
export { probe, ProbeError, type ProbeEvent, type ProbeOptions, type ProbeStage } from './probe.js';
export { disconnectThrough, EVERYONE, type RelayedMessage, relayedMessages, sendThrough } from './relay.js';
export type { ReportedEvent } from './reported-event.js';
export { roundTrips } from './round-trips.js';
export type { PortFinding, SecondLook } from './second-look.js';
export { serveRelay, type ServeRelayOptions } from './serve-relay.js';
export { serveStats, type ServeStatsOptions } from './serve-stats.js';
export type { StatsReport, StatsStatus } from './stats-report.js';
export type { StatsTotals } from './stats-totals.js';
export { watchStats, type WatchStatsOptions } from './watch-stats.js';
export type { WatcherLimits } from './watchers.js';
export { SEND_TIME_BOUNDS_MS } from '../stats.js';
export { isWatcher, WATCHER_PROPERTIES } from '../watcher.js';
