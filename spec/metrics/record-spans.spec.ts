import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { EMPTY, firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { Endpoint, Mode, textMessage } from '../../lib/index.js';
import { parseUrl } from '../../lib/transport/url.js';
import { recordSpans } from '../../lib/metrics/index.js';
import { testCertificates } from '../support/certificates.js';
import { communicator, nextEvent, startListening, stopAll, untilState } from '../support/communicators.js';
import { FakeDriver } from '../support/fake-driver.js';
import { freePort } from '../support/free-port.js';
import { traced } from './traced.js';

afterEach(stopAll);

const { ca, hub: hubPair, site1 } = await testCertificates();
const HUB_1 = { ca_cert: ca, server_cert: hubPair.cert, server_key: hubPair.key };
const SITE_1 = { ca_cert: ca, client_cert: site1.cert, client_key: site1.key };

describe('the spans of a communicator', () => {
  it('are one for the attempt and, in its trace, one for the handshake', async () => {
    const [hub, site] = [communicator('hub'), communicator('site-1')];
    hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
    const url = await startListening(hub);
    const { port } = parseUrl(url);
    const { tracer, spans } = traced();
    const recording = recordSpans(site, tracer);
    site.addConnector(`${url}?token=s3cret`, Mode.ACTIVE);
    const before = Date.now();
    await site.start();
    await untilState(site, 'hub');

    const [connect] = spans('rxflare.connect');
    const [handshake] = spans('rxflare.handshake');
    const ofBoth = {
      'rxflare.communicator.name': 'site-1',
      'url.scheme': 'tcp',
      'server.address': '127.0.0.1',
      'server.port': port,
      'network.transport': 'tcp',
      'network.peer.address': '127.0.0.1',
      'network.peer.port': port,
    };
    expect(connect).toMatchObject({ kind: SpanKind.CLIENT, status: { code: SpanStatusCode.UNSET } });
    expect(connect?.attributes).toEqual(ofBoth);
    expect(connect?.parentSpanContext).toBeUndefined();
    expect(handshake).toMatchObject({ kind: SpanKind.CLIENT, status: { code: SpanStatusCode.UNSET } });
    expect(handshake?.attributes).toEqual({ ...ofBoth, 'rxflare.endpoint.name': 'hub' });
    expect(handshake?.parentSpanContext?.spanId).toBe(connect?.spanContext().spanId);
    expect(millisOf(connect?.startTime)).toBeGreaterThanOrEqual(before);
    expect(millisOf(handshake?.startTime)).toBe(millisOf(connect?.endTime));
    expect(millisOf(handshake?.endTime)).toBeLessThanOrEqual(Date.now());

    recording.unsubscribe();
    await site.stop();
    expect(spans('rxflare.handshake')).toHaveLength(1);
  });

  it('of a hub are those of handshakes, and no message adds one', async () => {
    const [hub, site] = [communicator('hub'), communicator('site-1')];
    hub.addConnector('inproc://spans-hub', Mode.PASSIVE);
    site.addConnector('inproc://spans-hub', Mode.ACTIVE);
    const { tracer, spans } = traced();
    const recording = recordSpans(hub, tracer);
    await Promise.all([hub.start(), site.start()]);
    await Promise.all([untilState(hub, 'site-1'), untilState(site, 'hub')]);
    const arrived = firstValueFrom(hub.messages(1));
    site.send('hub', 1, textMessage('hello'));
    await arrived;
    await site.stop();
    await untilState(hub, 'site-1', 'DISCONNECTED');
    expect(spans('rxflare.connect')).toEqual([]);
    expect(spans('rxflare.handshake')).toHaveLength(1);
    expect(spans('rxflare.handshake')[0]).toMatchObject({
      kind: SpanKind.SERVER,
      status: { code: SpanStatusCode.UNSET },
      attributes: { 'rxflare.communicator.name': 'hub', 'rxflare.endpoint.name': 'site-1' },
    });
    expect(spans('send')).toEqual([]);
    recording.unsubscribe();
  });

  it('of a newcomer under a live name end with its eviction of the older one', async () => {
    const [hub, first, second] = [communicator('hub'), communicator('site-1'), communicator('site-1')];
    hub.addConnector('inproc://spans-evicted', Mode.PASSIVE);
    const { tracer, spans } = traced();
    const recording = recordSpans(hub, tracer);
    for (const site of [first, second]) site.addConnector('inproc://spans-evicted', Mode.ACTIVE);
    await Promise.all([hub.start(), first.start()]);
    await untilState(hub, 'site-1');
    const evicted = nextEvent(hub, 'evicted');
    await second.start();
    await evicted;
    recording.unsubscribe();
    const ends = spans('rxflare.handshake').map(({ attributes, status }) => [
      attributes['rxflare.endpoint.name'],
      status.code,
    ]);
    expect(ends).toEqual([
      ['site-1', SpanStatusCode.UNSET],
      ['site-1', SpanStatusCode.UNSET],
    ]);
  });
});

describe('the spans of what fails', () => {
  it('are one for each attempt, with the reason, until one succeeds', async () => {
    const port = await freePort();
    const site = communicator('site-1');
    const { tracer, spans } = traced();
    const recording = recordSpans(site, tracer);
    const retrying = nextEvent(site, 'retrying');
    site.addConnector(`tcp://127.0.0.1:${port}/?token=s3cret`, Mode.ACTIVE);
    await site.start();
    const { delayMs } = await retrying;
    const hub = communicator('hub');
    hub.addConnector(`tcp://127.0.0.1:${port}`, Mode.PASSIVE);
    await hub.start();
    await untilState(site, 'hub');

    const [failed] = spans('rxflare.connect');
    expect(failed?.status).toEqual({ code: SpanStatusCode.ERROR });
    expect(failed?.attributes).toEqual({
      'rxflare.communicator.name': 'site-1',
      'url.scheme': 'tcp',
      'server.address': '127.0.0.1',
      'server.port': port,
      'rxflare.retry.delay': delayMs / 1_000,
      'error.type': 'NOT_READY',
      'rxflare.error.cause': 'ECONNREFUSED',
    });
    const last = spans('rxflare.connect').at(-1);
    expect(last?.status.code).toBe(SpanStatusCode.UNSET);
    expect(last?.spanContext().traceId).not.toBe(failed?.spanContext().traceId);
    expect(spans('rxflare.handshake')).toHaveLength(1);
    expect(JSON.stringify(spans('rxflare.connect').map(({ attributes }) => attributes))).not.toContain(
      's3cret',
    );

    // A connection that ends is no attempt that failed.
    const count = spans('rxflare.connect').length;
    const again = nextEvent(site, 'retrying').then(({ attemptedAt }) => {
      recording.unsubscribe();
      return attemptedAt;
    });
    await hub.stop();
    expect(await again).toBeUndefined();
    expect(spans('rxflare.connect')).toHaveLength(count);
  });

  it('have an attempt that came through and a handshake that was refused', async () => {
    const tellPeer = 'please log in again';
    const hub = communicator('hub', { verifyEndpoint: () => ({ tellPeer }) });
    hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
    const [ofHub, ofSite] = [traced(), traced()];
    const recording = recordSpans(hub, ofHub.tracer);
    const site = communicator(new Endpoint('site-1', { token: 's3cret' }), { afterRefusal: 'stop' });
    recording.add(recordSpans(site, ofSite.tracer));
    site.addConnector(await startListening(hub), Mode.ACTIVE);
    const ended = Promise.all([nextEvent(hub, 'disconnected'), nextEvent(site, 'disconnected')]);
    await site.start();
    await ended;
    recording.unsubscribe();

    expect(ofSite.spans('rxflare.connect')[0]?.status.code).toBe(SpanStatusCode.UNSET);
    const [refused] = ofSite.spans('rxflare.handshake');
    expect(refused?.status).toEqual({ code: SpanStatusCode.ERROR });
    expect(refused?.attributes).toMatchObject({ 'error.type': 'REFUSED' });
    const [refusing] = ofHub.spans('rxflare.handshake');
    expect(refusing?.status).toEqual({ code: SpanStatusCode.ERROR });
    expect(refusing?.attributes).toMatchObject({ 'error.type': 'REFUSED' });
    const all = [refused, refusing].map((span) => [span?.attributes, span?.events, span?.status]);
    expect(JSON.stringify(all)).not.toMatch(/s3cret|log in/);
  });

  it('name what is wrong with TLS', async () => {
    const hub = communicator('hub');
    hub.addConnector('stcp://127.0.0.1:0', Mode.PASSIVE, true, HUB_1);
    const url = await startListening(hub);
    const site = communicator('site-1');
    const { tracer, spans } = traced();
    const recording = recordSpans(site, tracer);
    const retrying = nextEvent(site, 'retrying');
    // Its own certificate is none that has signed the hub's.
    const wrong = site.addConnector(url, Mode.ACTIVE, true, { ...SITE_1, ca_cert: site1.cert });
    await site.start();
    await retrying;
    expect(spans('rxflare.connect')[0]?.attributes).toMatchObject({
      'url.scheme': 'stcp',
      'error.type': 'BAD_CONFIG',
      'rxflare.error.cause': expect.stringMatching(/^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|CERT_)/) as string,
    });
    await site.removeConnector(wrong);
    site.addConnector(url, Mode.ACTIVE, true, SITE_1);
    await untilState(site, 'hub');
    expect(spans('rxflare.connect').at(-1)?.attributes).toMatchObject({
      'tls.protocol.name': 'tls',
      'tls.protocol.version': '1.3',
    });
    recording.unsubscribe();
  });

  it("have no attributes of a URL that a driver of one's own alone understands", async () => {
    const site = communicator('site-1');
    const { tracer, spans } = traced();
    const recording = recordSpans(site, tracer);
    const retrying = nextEvent(site, 'retrying');
    site.addConnectorAdvanced(
      new FakeDriver(EMPTY),
      Mode.ACTIVE,
      { scheme: 'fake', url: 'not a URL' },
      false,
    );
    await site.start();
    await retrying;
    recording.unsubscribe();
    expect(Object.keys(spans('rxflare.connect')[0]?.attributes ?? {})).not.toContain('url.scheme');
  });
});

function millisOf(time: readonly [number, number] | undefined): number {
  return time === undefined ? NaN : time[0] * 1_000 + time[1] / 1_000_000;
}
