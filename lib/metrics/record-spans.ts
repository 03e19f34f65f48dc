import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import { type Subscription, timestamp } from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { Communicator } from '../communicator.js';
import { EndpointState } from '../endpoint.js';
import type { ConnectedEvent } from '../lifecycle.js';
import type { Connection } from '../transport/connection.js';
import { connectionAttributes, errorAttributes, urlAttributes } from './span-attributes.js';

/** What a span is made of. Times are in milliseconds since 1970. */
interface SpanParts {
  readonly kind: SpanKind;
  readonly parent: Context;
  readonly from: number;
  readonly attributes: Attributes;
}

/**
 * Records a span for each attempt to connect, and one for each handshake, with a tracer of OpenTelemetry. It reads
 * `lifecycle$`, so a message costs nothing more than without it; {@link tracedSend} has spans of messages.
 *
 * - `rxflare.connect`: from the attempt until there is a connection, TLS and HTTP included, or until it has failed
 * - `rxflare.handshake`: from the connection until the endpoint is READY or the connection ends. It is in the trace of
 *   the attempt; on the side that listens, it is a trace of its own.
 *
 * A span is made when it is over, with the times that it had. Their resolution is a millisecond.
 *
 * @param tracer - of `trace.getTracer('rxflare')`, or of a `TracerProvider` of your own
 * @returns unsubscribing ends it; what is under way then has no span
 *
 * @example
 * ```ts
 * const recording = recordSpans(site, trace.getTracer('rxflare'));
 * ```
 */
export function recordSpans(communicator: Communicator, tracer: Tracer): Subscription {
  const common = { 'rxflare.communicator.name': communicator.localEndpoint.name };
  /** Those that are under way. */
  const handshakes = new WeakMap<Connection, SpanParts>();

  const record = (
    name: string,
    { kind, parent, from, attributes }: SpanParts,
    to: number,
    error?: CommError,
  ): Context => {
    const all = { ...common, ...attributes, ...(error && errorAttributes(error)) };
    const span = tracer.startSpan(name, { kind, startTime: new Date(from), attributes: all }, parent);
    if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(new Date(to));
    return trace.setSpan(parent, span);
  };
  const recordAttempt = (from: number, to: number, attributes: Attributes, error?: CommError): Context =>
    record('rxflare.connect', { kind: SpanKind.CLIENT, parent: ROOT_CONTEXT, from, attributes }, to, error);
  const begin = ({ handle, connection, attemptedAt }: ConnectedEvent, from: number): void => {
    const ofPeer = connectionAttributes(connection.properties);
    if (attemptedAt === undefined) {
      const parts = { kind: SpanKind.SERVER, parent: ROOT_CONTEXT, from, attributes: ofPeer };
      handshakes.set(connection, parts);
      return;
    }
    const url = communicator.findConnector(handle)?.url ?? '';
    const attributes = { ...urlAttributes(url), ...ofPeer };
    const parent = recordAttempt(attemptedAt, from, attributes);
    handshakes.set(connection, { kind: SpanKind.CLIENT, parent, from, attributes });
  };
  const finish = (
    connection: Connection | undefined,
    to: number,
    endpointName?: string,
    error?: CommError,
  ): void => {
    // Another replica has it.
    if (connection === undefined) return;
    const parts = handshakes.get(connection);
    if (parts === undefined || !handshakes.delete(connection)) return;
    const named = endpointName === undefined ? {} : { 'rxflare.endpoint.name': endpointName };
    record('rxflare.handshake', { ...parts, attributes: { ...parts.attributes, ...named } }, to, error);
  };

  return communicator.lifecycle$.pipe(timestamp()).subscribe(({ value: event, timestamp: at }) => {
    if (event.type === 'connected') begin(event, at);
    else if (event.type === 'endpoint' && event.endpoint.state === EndpointState.READY)
      finish(event.connection, at, event.endpoint.name);
    else if (event.type === 'evicted') finish(event.newcomer, at, event.endpointName);
    else if (event.type === 'disconnected')
      finish(event.connection, at, event.endpointName, event.error ?? closed());
    else if (event.type === 'retrying' && event.attemptedAt !== undefined) {
      const attributes = { ...urlAttributes(event.url), 'rxflare.retry.delay': event.delayMs / 1_000 };
      recordAttempt(event.attemptedAt, at, attributes, event.error ?? closed());
    }
  });
}

/** The other side ended what had not come about yet, without a reason. */
function closed(): CommError {
  return new CommError(CommErrorCode.CLOSED, 'it ended before it was done');
}
