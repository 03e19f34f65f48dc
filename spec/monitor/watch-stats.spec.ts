import {
  distinctUntilChanged,
  EMPTY,
  filter,
  firstValueFrom,
  lastValueFrom,
  map,
  repeat,
  scan,
  share,
  skip,
  take,
  tap,
  toArray,
  VirtualTimeScheduler,
} from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { CommErrorCode, Endpoint, EndpointState, Mode, textMessage, textOf } from '../../lib/index.js';
import {
  MonitorAppIds,
  type ReportedEvent,
  roundTrips,
  serveStats,
  type ServeStatsOptions,
  WATCHER_PROPERTIES,
  watchStats,
} from '../../lib/monitor/index.js';
import { communicator, startListening, stopAll, untilState } from '../support/communicators.js';

afterEach(stopAll);

const { STATS } = MonitorAppIds;
const PERIOD_MS = 20;
const NOTHING = { messages: 0, bytes: 0 };

/** A hub that serves stats, and a site that has joined it. */
async function watched(options?: ServeStatsOptions) {
  const [hub, site] = [communicator('hub'), communicator('site-1')];
  const service = serveStats(hub, { minPeriodMs: 1, ...options });
  hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
  const url = await startListening(hub);
  site.addConnector(url, Mode.ACTIVE);
  await site.start();
  await Promise.all([untilState(hub, 'site-1'), untilState(site, 'hub')]);
  return { hub, site, url, service };
}

/** The connections of a communicator that has one connector. */
function connectionsOf(site: Awaited<ReturnType<typeof watched>>['site']) {
  const { handle } = site.stats().connections[0] ?? { handle: '' };
  return firstValueFrom((site.findConnector(handle)?.connections$ ?? EMPTY).pipe(take(1), toArray()));
}

/** How many messages have gone to an endpoint. */
function sentTo(hub: Awaited<ReturnType<typeof watched>>['hub'], name: string): number {
  return hub.stats().endpoints.find((endpoint) => endpoint.name === name)?.sent.messages ?? 0;
}

describe('watchStats', () => {
  it("shows the other side's picture, again and again", async () => {
    const { hub, site } = await watched();
    const reports = await firstValueFrom(watchStats(site, 'hub', PERIOD_MS).pipe(take(3), toArray()));
    expect(reports.map(({ stats }) => stats.name)).toEqual(['hub', 'hub', 'hub']);
    const [first, , third] = reports.map(({ stats }) => stats);
    expect(first?.endpoints).toMatchObject([{ name: 'site-1', state: EndpointState.READY }]);
    expect(first?.connections).toMatchObject([{ endpointName: 'site-1', scheme: 'tcp' }]);
    expect(third?.at).toBeGreaterThan(first?.at ?? Infinity);
    expect(third?.endpoints[0]?.sent.messages).toBe(2);
    expect(Object.keys(third ?? {}).sort()).toEqual(Object.keys(hub.stats()).sort());
  });

  it('tells what has happened before, and what happens between two reports, once', async () => {
    const { hub, site, url } = await watched();
    const other = communicator('site-2');
    other.addConnector(url, Mode.ACTIVE);
    const told = firstValueFrom(
      watchStats(site, 'hub', PERIOD_MS).pipe(
        scan((all: readonly ReportedEvent[], { events }) => [...all, ...events], []),
        map((all) => all.filter(({ type }) => type === 'endpoint')),
        filter((all) => all.some(({ endpointName }) => endpointName === 'site-2')),
        // Nothing comes again in those behind it.
        skip(3),
      ),
    );
    await other.start();
    await untilState(hub, 'site-2');
    const events = await told;
    expect(events.map(({ endpointName }) => endpointName)).toEqual(['site-1', 'site-2']);
    expect(events[1]?.text).toMatch(/^site-2 READY \(127\.0\.0\.1:\d+\)$/);
    expect(Math.abs(Date.now() - (events[1]?.at ?? 0))).toBeLessThan(10_000);
  });

  it('keeps a bounded number of events, and counts the others', async () => {
    const { site } = await watched({ maxEvents: 1 });
    const { events, missedEvents } = await firstValueFrom(watchStats(site, 'hub', PERIOD_MS));
    expect(events).toHaveLength(1);
    expect(missedEvents).toBe(2); // Of listening, connected and endpoint.
  });

  it('tells the other side to stop when nobody is subscribed', async () => {
    const { hub, site } = await watched({ maxWatchers: 1 });
    await firstValueFrom(watchStats(site, 'hub', PERIOD_MS));
    // The stop comes before the echo on the same connection; then there is room for one watcher again.
    await firstValueFrom(roundTrips(site, 'hub', PERIOD_MS));
    const before = sentTo(hub, 'site-1');
    const rtts = await firstValueFrom(roundTrips(site, 'hub', 50).pipe(take(3), toArray()));
    expect(sentTo(hub, 'site-1') - before).toBe(rtts.length);
    await firstValueFrom(watchStats(site, 'hub', PERIOD_MS));
  });

  it('goes on when the other side comes back', async () => {
    const { hub, site, url } = await watched();
    // The first report of each hub tells where it listens.
    const firsts = watchStats(site, 'hub', PERIOD_MS).pipe(
      filter(({ events }) => events.some(({ type }) => type === 'listening')),
      take(2),
    );
    const second = lastValueFrom(firsts);
    await firstValueFrom(watchStats(site, 'hub', PERIOD_MS));
    await hub.stop();
    await untilState(site, 'hub', EndpointState.DISCONNECTED);
    const again = communicator('hub');
    serveStats(again);
    again.addConnector(url, Mode.PASSIVE);
    await again.start();
    expect((await second).stats.endpoints).toMatchObject([{ name: 'site-1', state: EndpointState.READY }]);
  });

  it('tells that its picture is old while the other side is away', async () => {
    const { hub, site, url } = await watched();
    const statuses: string[] = [];
    const reports$ = watchStats(site, 'hub', PERIOD_MS).pipe(tap(({ status }) => statuses.push(status)));
    const old = firstValueFrom(reports$.pipe(filter(({ status }) => status !== 'live')));
    await firstValueFrom(watchStats(site, 'hub', PERIOD_MS));
    await hub.stop();
    expect(await old).toMatchObject({ status: 'away', stats: { name: 'hub' }, events: [], missedEvents: 0 });
    expect(new Set(statuses)).toEqual(new Set(['live', 'away']));
    const again = communicator('hub');
    const back = firstValueFrom(watchStats(site, 'hub', PERIOD_MS));
    serveStats(again);
    again.addConnector(url, Mode.PASSIVE);
    await again.start();
    expect((await back).status).toBe('live');
  });

  it('tells that its picture is old while the other side is silent', async () => {
    const { hub, site } = await watched();
    const scheduler = new VirtualTimeScheduler();
    const reports$ = watchStats(site, 'hub', PERIOD_MS, { scheduler }).pipe(share());
    const statusOf = (wanted: string) =>
      firstValueFrom(reports$.pipe(filter(({ status }) => status === wanted)));
    const all = reports$.subscribe();
    await statusOf('live');
    const [connection] = await connectionsOf(site);
    connection?.pause();
    const silent = statusOf('silent');
    scheduler.flush();
    expect(await silent).toMatchObject({ stats: { name: 'hub' }, events: [] });
    connection?.resume();
    expect((await statusOf('live')).stats.at).toBeLessThanOrEqual(hub.stats().at);
    all.unsubscribe();
  });

  it('completes behind an old picture when the other side ends its service, and can ask again', async () => {
    const { hub, site, service } = await watched();
    const last = lastValueFrom(watchStats(site, 'hub', PERIOD_MS));
    const twice = firstValueFrom(
      watchStats(site, 'hub', PERIOD_MS).pipe(
        repeat({ delay: 1 }),
        map(({ status }) => status),
        distinctUntilChanged(),
        take(3),
        toArray(),
      ),
    );
    await firstValueFrom(watchStats(site, 'hub', PERIOD_MS));
    service.unsubscribe();
    serveStats(hub);
    expect(await last).toMatchObject({ status: 'ended', stats: { name: 'hub' }, events: [] });
    expect(await twice).toEqual(['live', 'ended', 'live']);
  });

  it('completes when our side stops', async () => {
    const { site } = await watched();
    const last = lastValueFrom(watchStats(site, 'hub', PERIOD_MS));
    await firstValueFrom(watchStats(site, 'hub', PERIOD_MS));
    await site.stop();
    expect((await last).stats.name).toBe('hub');
  });

  it('says what to do where stats are not served', async () => {
    const { site } = await watched({ appId: 77 });
    await expect(firstValueFrom(watchStats(site, 'hub', PERIOD_MS, { timeoutMs: 50 }))).rejects.toMatchObject(
      {
        code: CommErrorCode.TIMEOUT,
        message: expect.stringContaining('rxflare listen --stats') as unknown,
      },
    );
    const { stats } = await firstValueFrom(watchStats(site, 'hub', PERIOD_MS, { appId: 77 }));
    expect(stats.name).toBe('hub');
  });

  it.each([
    ['an endpoint that is null', { stats: { name: 'hub', at: 1, endpoints: [null], connections: [] } }],
    ['no stats at all', {}],
  ])('errors with BAD_DATA for a report with %s', async (_, fields) => {
    const [hub, site] = [communicator('hub'), communicator('site-1')];
    hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
    site.addConnector(await startListening(hub), Mode.ACTIVE);
    hub.registerMessageReceiver(STATS, ({ endpoint, message }) => {
      const { id } = JSON.parse(textOf(message)) as { id: number };
      const report = { type: 'report', id, events: [], missedEvents: 0, ...fields };
      hub.send(endpoint, STATS, textMessage(JSON.stringify(report)));
    });
    await site.start();
    await untilState(site, 'hub');
    await expect(firstValueFrom(watchStats(site, 'hub', PERIOD_MS))).rejects.toMatchObject({
      code: CommErrorCode.BAD_DATA,
      message: expect.stringMatching(/^hub: /) as unknown,
    });
  });

  it.each([0, 0.5, Number.NaN])('refuses %s as the most endpoints', (maxEndpoints) => {
    expect(() => watchStats(communicator('site-1'), 'hub', PERIOD_MS, { maxEndpoints })).toThrow(
      expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error,
    );
  });

  it.each([0, -1, Number.NaN, Infinity])('refuses a period of %s', (periodMs) => {
    const refusal = expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error;
    expect(() => watchStats(communicator('site-1'), 'hub', periodMs)).toThrow(refusal);
    expect(() => roundTrips(communicator('site-1'), 'hub', periodMs)).toThrow(refusal);
  });
});

describe('serveStats', () => {
  it('tells of many endpoints the busiest, and the totals of all', async () => {
    const { hub, site, url } = await watched({ maxEndpoints: 3 });
    const others = await Promise.all(
      [2, 3, 4, 5, 6].map(async (number) => {
        const other = communicator(`site-${number}`);
        other.addConnector(url, Mode.ACTIVE);
        await other.start();
        await Promise.all([untilState(other, 'hub'), untilState(hub, `site-${number}`)]);
        return other;
      }),
    );
    const busy = others.slice(3);
    const reports$ = watchStats(site, 'hub', PERIOD_MS).pipe(
      tap(() => busy.forEach((each) => each.send('hub', 9, { payload: new Uint8Array(50_000) }))),
      skip(3),
    );
    const { stats, totals } = await firstValueFrom(reports$);
    expect(stats.endpoints.map(({ name }) => name).sort()).toEqual(['site-1', 'site-5', 'site-6']);
    expect(stats.connections.map(({ endpointName }) => endpointName).sort()).toEqual([
      'site-1',
      'site-5',
      'site-6',
    ]);
    expect(totals).toMatchObject({ endpoints: 6, ready: 6, connections: 6 });
    expect(totals.received.bytes).toBeGreaterThan(100_000);

    const fewer = await firstValueFrom(watchStats(site, 'hub', PERIOD_MS, { maxEndpoints: 1 }));
    expect(fewer.stats.endpoints).toHaveLength(1);
    const more = await firstValueFrom(watchStats(site, 'hub', PERIOD_MS, { maxEndpoints: 100 }));
    expect(more.stats.endpoints).toHaveLength(3);
  });

  it('finds endpoints by a part of their name, also those that it would leave out', async () => {
    const { hub, site, url } = await watched({ maxEndpoints: 2 });
    const names = ['Clinic-1', 'clinic-2', 'clinic-3', 'clinic-4'];
    for (const endpoint of [...names, new Endpoint('clinic-top', WATCHER_PROPERTIES)]) {
      const other = communicator(endpoint);
      other.addConnector(url, Mode.ACTIVE);
      await other.start();
      await untilState(hub, other.localEndpoint.name);
    }
    const find = (text: string) => firstValueFrom(watchStats(site, 'hub', PERIOD_MS, { find: text }));
    const one = await find('CLINIC-3');
    expect(one.stats.endpoints.map(({ name }) => name)).toEqual(['clinic-3']);
    expect(one.stats.connections.map(({ endpointName }) => endpointName)).toEqual(['clinic-3']);
    expect(one).toMatchObject({ found: 1, totals: { endpoints: 5, watchers: 1 } });
    const many = await find('clinic');
    expect(many.found).toBe(4);
    expect(many.stats.endpoints).toHaveLength(2);
    expect(await find('nobody')).toMatchObject({ found: 0, stats: { endpoints: [], connections: [] } });
    expect(await firstValueFrom(watchStats(site, 'hub', PERIOD_MS))).not.toHaveProperty('found');
  });

  it('is asked for no longer text than a request has room for', async () => {
    const { site } = await watched();
    const find = '\u0000'.repeat(128);
    expect(await firstValueFrom(watchStats(site, 'hub', PERIOD_MS, { find }))).toMatchObject({ found: 0 });
    expect(() => watchStats(site, 'hub', PERIOD_MS, { find: `${find}a` })).toThrow(
      expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error,
    );
  });

  it('has the last hour in the first report, where it is kept and asked for', async () => {
    const { site } = await watched({ history: true });
    const ask = (options: object) =>
      firstValueFrom(watchStats(site, 'hub', PERIOD_MS, options).pipe(take(2), toArray()));
    const [first, second] = await ask({ history: true });
    expect(first?.history).toEqual([
      { at: expect.any(Number) as number, ready: 0, received: NOTHING, sent: NOTHING },
    ]);
    expect(second).not.toHaveProperty('history');
    expect((await ask({}))[0]).not.toHaveProperty('history');
    const other = await watched();
    const reports$ = watchStats(other.site, 'hub', PERIOD_MS, { history: true });
    expect(await firstValueFrom(reports$)).not.toHaveProperty('history');
  });

  it('marks who only watches, and what happens to it, and leaves it out of the totals', async () => {
    const { hub, site, url } = await watched();
    const top = communicator(new Endpoint('top-1', WATCHER_PROPERTIES));
    top.addConnector(url, Mode.ACTIVE);
    await top.start();
    await untilState(hub, 'top-1');
    const { stats, totals, events } = await firstValueFrom(watchStats(site, 'hub', PERIOD_MS));
    const marks = stats.endpoints.map(({ name, isWatcher }) => [name, isWatcher]);
    expect(marks.sort()).toEqual([
      ['site-1', undefined],
      ['top-1', true],
    ]);
    expect(totals).toMatchObject({ endpoints: 1, ready: 1, watchers: 1, connections: 2 });
    expect(
      events.filter(({ isWatcher }) => isWatcher).map(({ type, endpointName }) => [type, endpointName]),
    ).toEqual([['endpoint', 'top-1']]);
  });

  it('is understood by watchers, and understands hubs, that know no totals and no limits', async () => {
    const [hub, site] = [communicator('hub'), communicator('site-1')];
    hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
    site.addConnector(await startListening(hub), Mode.ACTIVE);
    hub.registerMessageReceiver(STATS, ({ endpoint, message }) => {
      const { id } = JSON.parse(textOf(message)) as { id: number };
      const report = { type: 'report', id, stats: hub.stats(), events: [], missedEvents: 0 };
      hub.send(endpoint, STATS, textMessage(JSON.stringify(report)));
    });
    await site.start();
    await untilState(site, 'hub');
    const { status, totals } = await firstValueFrom(watchStats(site, 'hub', PERIOD_MS, { maxEndpoints: 5 }));
    expect({ status, ...totals }).toMatchObject({ status: 'live', endpoints: 1, ready: 1, connections: 1 });
  });

  it('tells those whom it does not allow', async () => {
    const { site } = await watched({ allow: ({ name }) => name === 'dashboard' });
    await expect(firstValueFrom(watchStats(site, 'hub', PERIOD_MS))).rejects.toMatchObject({
      code: CommErrorCode.REFUSED,
      message: 'hub: endpoint site-1 may not watch: "allow" says no',
    });
  });

  it('lets nobody in when its filter fails, and goes on', async () => {
    let isBroken = true;
    const allow = () => {
      if (isBroken) throw new Error('no list');
      return true;
    };
    const { site } = await watched({ allow });
    await expect(firstValueFrom(watchStats(site, 'hub', PERIOD_MS))).rejects.toMatchObject({
      code: CommErrorCode.REFUSED,
    });
    isBroken = false;
    await firstValueFrom(watchStats(site, 'hub', PERIOD_MS));
  });

  it('bounds the number of watchers', async () => {
    const { site } = await watched({ maxWatchers: 2 });
    const [one, two] = [1, 2].map(() => watchStats(site, 'hub', PERIOD_MS).subscribe());
    await firstValueFrom(roundTrips(site, 'hub', PERIOD_MS));
    await expect(firstValueFrom(watchStats(site, 'hub', PERIOD_MS))).rejects.toMatchObject({
      code: CommErrorCode.NOT_READY,
      message: expect.stringContaining('2 watchers') as unknown,
    });
    one?.unsubscribe();
    await firstValueFrom(watchStats(site, 'hub', PERIOD_MS));
    two?.unsubscribe();
  });

  it('keeps to its shortest period', async () => {
    const { hub, site } = await watched({ minPeriodMs: 60 });
    const asked = vi.spyOn(hub, 'stats$');
    await firstValueFrom(watchStats(site, 'hub', 1));
    await firstValueFrom(watchStats(site, 'hub', 90));
    expect(asked.mock.calls).toEqual([[60], [90]]);
  });

  it('leaves reports out while a watcher has no room', async () => {
    const { hub, site } = await watched();
    const { handle } = site.stats().connections[0] ?? { handle: '' };
    site.findConnector(handle)?.connections$.subscribe((connection) => connection.pause());
    const queued = () => hub.stats().endpoints[0]?.queued.messages ?? 0;
    const isFull = async () => {
      while (hub.send('site-1', 5, { payload: new Uint8Array(1_000_000) }));
      const before = queued();
      await firstValueFrom(hub.stats$(50).pipe(skip(1)));
      return before > 0 && queued() === before;
    };
    while (!(await isFull()));
    const asked = firstValueFrom(hub.messages(STATS));
    site.send('hub', STATS, textMessage('{"type":"watch","id":1,"periodMs":1}'));
    await asked;
    const before = queued();
    await firstValueFrom(hub.stats$(10).pipe(skip(5)));
    expect(queued()).toBe(before);
  });

  it('is not disturbed by what it does not understand', async () => {
    const { site } = await watched();
    const junk = [
      '',
      'null',
      '[]',
      '{',
      '{"type":"watch","id":1}',
      '{"type":"watch","id":1,"periodMs":1e999}',
    ];
    for (const text of [...junk, '{"type":"watch","id":1,"periodMs":-1}', '{"type":"stop","id":5}'])
      site.send('hub', STATS, textMessage(text));
    site.send('hub', STATS, { payload: Uint8Array.of(0xff, 0xfe) });
    expect((await firstValueFrom(watchStats(site, 'hub', PERIOD_MS))).stats.name).toBe('hub');
  });

  it('parses nothing that is larger than a request, from whomever it comes', async () => {
    const allow = vi.fn(() => true);
    const { hub, site } = await watched({ allow });
    const parse = vi.spyOn(JSON, 'parse');
    const arrived = firstValueFrom(hub.messages(STATS).pipe(skip(1)));
    site.send('hub', STATS, textMessage('['.repeat(10_000_000)));
    site.send('hub', STATS, textMessage('{"type":"echo","id":1}'.padEnd(1_025)));
    await arrived;
    const parsed = parse.mock.calls.length;
    parse.mockRestore();
    expect(parsed).toBe(0);
    expect(allow).not.toHaveBeenCalled();
  });

  it('echoes the ID of a request and nothing else of it', async () => {
    const { site } = await watched();
    const answer = firstValueFrom(site.messages(STATS));
    site.send('hub', STATS, textMessage('{"type":"echo","id":2,"more":[[[1]]]}'));
    expect(textOf((await answer).message)).toBe('{"type":"echo","id":2}');
  });

  it('speaks JSON that others can read', async () => {
    const { site } = await watched();
    const answer = firstValueFrom(site.messages(STATS));
    site.send('hub', STATS, textMessage('{"type":"watch","id":42,"periodMs":1000}'));
    const report = JSON.parse(textOf((await answer).message)) as Record<string, unknown>;
    expect(Object.keys(report)).toEqual([
      'type',
      'id',
      'periodMs',
      'stats',
      'totals',
      'events',
      'missedEvents',
    ]);
    expect(report).toMatchObject({ type: 'report', id: 42, periodMs: 1_000 });
  });

  it('serves one app ID once, until it is unsubscribed', () => {
    const hub = communicator('hub');
    const service = serveStats(hub);
    expect(() => serveStats(hub)).toThrow(
      expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error,
    );
    service.unsubscribe();
    serveStats(hub).unsubscribe();
  });
});
