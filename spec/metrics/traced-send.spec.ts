import { context, propagation, SpanKind, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { Mode, textMessage, textOf } from '../../lib/index.js';
import { tracedSend } from '../../lib/metrics/index.js';
import { communicator, stopAll, untilState } from '../support/communicators.js';
import { traced } from './traced.js';

afterEach(async () => {
  propagation.disable();
  await stopAll();
});

/** A site that has joined a hub. */
async function joined(url: string) {
  const [hub, site] = [communicator('hub'), communicator('site-1')];
  hub.addConnector(url, Mode.PASSIVE);
  site.addConnector(url, Mode.ACTIVE);
  await Promise.all([hub.start(), site.start()]);
  await Promise.all([untilState(hub, 'site-1'), untilState(site, 'hub')]);
  return { hub, site };
}

describe('a traced send', () => {
  it('has a span for each message, and leaves the message as it is without a propagator', async () => {
    const { hub, site } = await joined('inproc://traced-send');
    const { tracer, spans } = traced();
    const arrived = firstValueFrom(hub.messages(7));
    const message = textMessage('hello');
    expect(tracedSend(site, tracer)('hub', 7, message)).toBe(true);
    const { message: received } = await arrived;
    expect([textOf(received), received.headers]).toEqual(['hello', undefined]);
    const [span] = spans('send');
    expect(span).toMatchObject({ kind: SpanKind.PRODUCER, status: { code: SpanStatusCode.UNSET } });
    expect(span?.attributes).toEqual({
      'messaging.system': 'rxflare',
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.destination.name': 'hub',
      'messaging.message.body.size': 5,
      'rxflare.app.id': 7,
      'rxflare.communicator.name': 'site-1',
    });
  });

  it('carries its context in the headers, beside those of the message', async () => {
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    const { hub, site } = await joined('inproc://traced-context');
    const { tracer, spans } = traced();
    const arrived = firstValueFrom(hub.messages(7));
    const message = textMessage('hello', { topic: 'greeting' });
    tracedSend(site, tracer)('hub', 7, message);
    const { headers } = (await arrived).message;
    expect(headers).toMatchObject({ topic: 'greeting' });
    expect(message.headers).toEqual({ topic: 'greeting' });
    const extracted = trace.getSpanContext(propagation.extract(context.active(), headers));
    const sent = spans('send')[0]?.spanContext();
    expect(extracted).toMatchObject({
      traceId: sent?.traceId,
      spanId: sent?.spanId,
      traceFlags: TraceFlags.SAMPLED,
    });
  });

  it('throws what send throws, and says so in its span', async () => {
    const site = communicator('site-1');
    const { tracer, spans } = traced();
    const send = tracedSend(site, tracer);
    expect(() => send('hub', 7, textMessage('hello'))).toThrow(
      expect.objectContaining({ code: 'CLOSED' }) as Error,
    );
    expect(spans('send')[0]).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'error.type': 'CLOSED' },
    });
    await site.stop();
  });
});
