import { firstValueFrom, lastValueFrom, NEVER, Subject, throwError, toArray } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { CommError, CommErrorCode, Endpoint, Mode } from '../../lib/index.js';
import { parseUrl } from '../../lib/transport/url.js';
import { InProcessDriver } from '../../lib/drivers/in-process/in-process-driver.js';
import { probe, ProbeError } from '../../lib/monitor/probe.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { frameOf } from '../support/bytes.js';
import { communicator, startListening, stopAll } from '../support/communicators.js';
import { Probing } from './probing.js';

afterEach(stopAll);

const NUDGE = new TextEncoder().encode('\r\n\r\n');
const reset = new CommError(CommErrorCode.CLOSED, 'reset', { cause: { code: 'ECONNRESET' } });

describe('probe', () => {
  it('finds a connection, an endpoint and the round trips, closes the connection and completes', () => {
    const probing = new Probing().ready();
    expect(probing.found).toEqual(['connected', 'ready']);
    expect(probing.pings).toBe(1);
    probing.pong().until(999);
    expect(probing.pings).toBe(1);
    probing.until(1_000);
    expect(probing.pings).toBe(2);
    probing.pong();
    expect(probing.found).toEqual(['connected', 'ready', 'pong', 'pong', 'complete']);
    expect(probing.driver.open).toBe(0);
  });

  it('waits until the peer knows us where the transport needs that, before it takes times', () => {
    const probing = new Probing({ count: 1 }, undefined, true).ready();
    expect(probing.pings).toBe(1);
    probing.pong().until(0);
    expect(probing.found).toEqual(['connected', 'ready']);
    expect(probing.pings).toBe(2);
    expect(probing.pong().found).toEqual(['connected', 'ready', 'pong', 'complete']);
  });

  it('gives each step its time', () => {
    const connecting = new Probing({}, NEVER);
    expect(connecting.until(4_999).found).toEqual([]);
    expect(connecting.until(5_000).found).toEqual(['connect TIMEOUT']);
    expect(connecting.driver.open).toBe(0);

    expect(new Probing().until(4_999).found).toEqual(['connected']);
    expect(new Probing().until(5_000).found).toEqual(['connected', 'handshake TIMEOUT']);

    const pinging = new Probing().ready().until(4_999);
    expect(pinging.found).toEqual(['connected', 'ready']);
    expect(pinging.until(5_000).found).toEqual(['connected', 'ready', 'ping TIMEOUT']);
    expect(pinging.driver.open).toBe(0);
  });

  it('takes a peer that answers no PING for one that is ready, after its time: NVFlare 2.3', () => {
    const probing = new Probing({ count: 1 }, undefined, true).ready().until(5_000);
    expect(probing.found).toEqual(['connected', 'ready']);
    expect(probing.pong().found).toEqual(['connected', 'ready', 'pong', 'complete']);
  });

  it('nudges a silent peer once, and no peer that has answered', () => {
    const silent = new Probing();
    silent.until(1_499);
    expect(silent.connection.sent).toHaveLength(1);
    silent.until(4_000);
    expect(silent.connection.sent.slice(1)).toEqual([NUDGE]);
    const ready = new Probing().ready().until(4_000);
    expect(ready.connection.sent).not.toContainEqual(NUDGE);
  });

  it.each([
    [
      'connect',
      () =>
        new Probing(
          {},
          throwError(() => reset),
        ),
    ],
    ['handshake', () => new Probing().end(reset)],
    ['settle', () => new Probing({}, undefined, true).ready().end(reset)],
    ['ping', () => new Probing().ready().end(reset)],
  ])('says in which step it failed, with what it failed: %s', (stage, failed) => {
    const { error } = failed();
    expect(error).toBeInstanceOf(ProbeError);
    expect(error).toMatchObject({
      name: 'ProbeError',
      stage,
      code: 'CLOSED',
      message: 'reset',
      cause: reset.cause,
    });
  });

  it('fails where the peer closes in good order', () => {
    expect(new Probing().end().error).toMatchObject({ stage: 'handshake', code: CommErrorCode.CLOSED });
    expect(new Probing().ready().pong().end().error).toMatchObject({
      stage: 'ping',
      code: CommErrorCode.CLOSED,
    });
  });

  it('keeps the detail of an error', () => {
    expect(new Probing().ready('site-1').error).toMatchObject({ stage: 'handshake', detail: 'own-name' });
  });

  it('passes over messages of the peer', () => {
    const probing = new Probing({ count: 1 }).ready();
    probing.connection.deliver(frameOf({ type: FrameType.DATA, appId: 5, streamId: 1 }, Uint8Array.of(1)));
    expect(probing.found).toEqual(['connected', 'ready']);
    expect(probing.pong().found.at(-1)).toBe('complete');
  });

  it('closes the connection when nobody is subscribed', () => {
    const probing = new Probing().ready();
    probing.subscription.unsubscribe();
    expect(probing.driver.open).toBe(0);
    expect(probing.pong().until(10_000).found).toEqual(['connected', 'ready']);
    expect(probing.pings).toBe(1);
  });

  it('closes the connection in good order after the last PONG, and where its end is asked for', async () => {
    const until$ = new Subject<void>();
    const [full, early, connecting] = [
      new Probing({ count: 1 }).ready().pong(),
      new Probing({ until$ }).ready().pong(),
      new Probing({ until$ }, NEVER),
    ];
    until$.next();
    expect(full.found).toEqual(['connected', 'ready', 'pong', 'complete']);
    expect(early.found).toEqual(['connected', 'ready', 'pong', 'complete']);
    expect(connecting.found).toEqual(['complete']);
    const end = ({ connection }: Probing) => lastValueFrom(connection.closed$, { defaultValue: 'in order' });
    expect(await Promise.all([full, early].map(end))).toEqual(['in order', 'in order']);
  });

  it('tells the name, the properties and the address of a real hub', async () => {
    const hub = communicator(new Endpoint('hub', { site: 'munich' }));
    hub.addConnector('inproc://probed', Mode.PASSIVE);
    const params = parseUrl(await startListening(hub));
    const [driver, local] = [new InProcessDriver(), new Endpoint('site-1')];
    const found$ = probe({ driver, params, local, count: 3, intervalMs: 0, timeoutMs: 50_000 });
    expect(await firstValueFrom(found$.pipe(toArray()))).toMatchObject([
      { type: 'connected', connection: { properties: { peer_addr: expect.any(String) as unknown } } },
      { type: 'ready', endpoint: { name: 'hub', properties: { site: 'munich' } } },
      ...Array.from({ length: 3 }, () => ({ type: 'pong', rttMs: expect.any(Number) as unknown })),
    ]);
  });
});
