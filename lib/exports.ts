/** What both entries of `rxflare` export, for Node and for browsers. */

export {
  CommError,
  CommErrorCode,
  type CommErrorDetail,
  type CommErrorOptions,
  QueueFullError,
  RefusedError,
} from './comm-error.js';
export type { Monitor, StartedListener } from './communicator.js';
export { Endpoint, type EndpointMonitor, type EndpointProperties, EndpointState } from './endpoint.js';
export type {
  CallbackErrorEvent,
  ConnectedEvent,
  DisconnectedEvent,
  DroppedEvent,
  EndpointEvent,
  EvictedEvent,
  HandshakeFailedEvent,
  LifecycleEvent,
  LimitedEvent,
  ListeningEvent,
  RefusedEvent,
  RetryingEvent,
  UnclaimedEvent,
  UndeliveredEvent,
} from './lifecycle.js';
export { jsonMessage, jsonOf } from './json-message.js';
export {
  AppIds,
  type HeaderValue,
  type Message,
  type MessageHeaders,
  textMessage,
  textOf,
} from './message.js';
export {
  type CommunicatorOptions,
  DEFAULTS,
  type DuplicateName,
  type IdentityMap,
  type PropertiesSource,
  type ResolvedOptions,
} from './options.js';
export type { MessageReceiver, ReceivedMessage } from './received-message.js';
export { releaseMemory } from './release-memory.js';
export {
  type CommunicatorStats,
  type ConnectionStats,
  type EndpointStats,
  type SendTimes,
  type Tally,
} from './stats.js';
export type { Connection, ConnectionProperties } from './transport/connection.js';
export { type ConnectionLimit, ConnectionLimitError } from './transport/connection-limiter.js';
export type { ConnectorState, ConnectorView } from './transport/connector.js';
export type { ConnectorEvent } from './transport/connector-event.js';
export { ConnectionSecurity, Mode, type Resources } from './transport/driver.js';
export type { HandshakeRequest } from './transport/handshake-requests.js';
export type { StandardSchema } from './standard-schema.js';
export type { EndpointCandidate, Verdict, VerifyEndpoint } from './verify-endpoint.js';
