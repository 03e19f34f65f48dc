import { context, propagation, SpanKind, SpanStatusCode, trace, type Tracer } from '@opentelemetry/api';

import { CommError } from '../comm-error.js';
import type { Communicator } from '../communicator.js';
import type { Endpoint } from '../endpoint.js';
import type { Message } from '../message.js';
import { errorAttributes } from './span-attributes.js';

/**
 * A `send` with a span for each message, named `send`, in the context that is active. The headers of the message carry
 * that context on, where a propagator of OpenTelemetry is set: `traceparent` with that of W3C. The receiver has it by
 * `propagation.extract(context.active(), message.headers)`.
 *
 * It is a function beside `Communicator.send`, so that a message without a span costs nothing.
 *
 * @param tracer - of `trace.getTracer('rxflare')`, or of a `TracerProvider` of your own
 * @returns takes, answers and throws what `Communicator.send` does
 *
 * @example
 * ```ts
 * const send = tracedSend(site, trace.getTracer('rxflare'));
 * site.ready('hub').subscribe(() => send('hub', 100, textMessage('hello')));
 * ```
 */
export function tracedSend(
  communicator: Communicator,
  tracer: Tracer,
): (endpoint: Endpoint | string, appId: number, message: Message) => boolean {
  const common = {
    'messaging.system': 'rxflare',
    'messaging.operation.name': 'send',
    'messaging.operation.type': 'send',
    'rxflare.communicator.name': communicator.localEndpoint.name,
  };
  return (endpoint, appId, message) => {
    const attributes = {
      ...common,
      'messaging.destination.name': typeof endpoint === 'string' ? endpoint : endpoint.name,
      'messaging.message.body.size': message.payload?.length ?? 0,
      'rxflare.app.id': appId,
    };
    const span = tracer.startSpan('send', { kind: SpanKind.PRODUCER, attributes });
    const carried: Record<string, string> = {};
    propagation.inject(trace.setSpan(context.active(), span), carried);
    const isBare = Object.keys(carried).length === 0;
    try {
      const traced = isBare ? message : { ...message, headers: { ...message.headers, ...carried } };
      return communicator.send(endpoint, appId, traced);
    } catch (thrown) {
      span.setAttributes(errorAttributes(CommError.from(thrown)));
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw thrown;
    } finally {
      span.end();
    }
  };
}
