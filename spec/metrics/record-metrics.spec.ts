import { afterEach, describe, expect, it } from 'vitest';

import type { ClusterStats } from '../../lib/cluster/index.js';
import { type CommunicatorStats, Mode, textMessage } from '../../lib/index.js';
import { SEND_TIME_BOUNDS_MS } from '../../lib/stats.js';
import { recordMetrics } from '../../lib/metrics/index.js';
import { communicator, nextEvent, stopAll, untilState } from '../support/communicators.js';
import { clusterStats } from '../monitor/samples.js';
import { collector, type Series } from './collected.js';

afterEach(stopAll);

/** A hub, and a site that has joined it. */
function joined(url: string) {
  const [hub, site] = [communicator('hub'), communicator('site-1')];
  hub.addConnector(url, Mode.PASSIVE);
  site.addConnector(url, Mode.ACTIVE);
  return {
    hub,
    site,
    start: async (): Promise<void> => {
      await Promise.all([hub.start(), site.start()]);
      await Promise.all([untilState(hub, 'site-1'), untilState(site, 'hub')]);
    },
  };
}

describe('the metrics of a communicator', () => {
  it('are those of its stats, read once for each collection', async () => {
    const { hub, site, start } = joined('inproc://metrics-stats');
    const { meter, collect, value } = collector();
    let looks = 0;
    const counting = Object.create(hub, {
      stats: { value: (): CommunicatorStats => ((looks += 1), hub.stats()) },
    }) as typeof hub;
    const recording = recordMetrics(counting, meter);
    const heard = new Promise((resolve) => hub.registerMessageReceiver(1, resolve));
    await start();
    site.send('hub', 2, textMessage('nobody listens'));
    site.send('hub', 1, textMessage('hello'));
    await heard;

    const figures = await collect();
    expect(looks).toBe(1);
    const of = (name: string, wanted: string): readonly (number | undefined)[] =>
      figures
        .get(name)
        ?.filter(({ attributes }) => Object.values(attributes).includes(wanted))
        .map((series) => series.value) ?? [];
    const { endpoints } = hub.stats();
    expect(endpoints[0]?.received.messages).toBe(2);
    expect(of('messaging.client.consumed.messages', 'rxflare')).toEqual([1]);
    expect(of('messaging.client.sent.messages', 'rxflare')).toEqual([0]);
    expect(of('rxflare.dropped.messages', 'no-receiver')).toEqual([1]);
    expect(of('rxflare.io', 'receive')).toEqual([endpoints[0]?.received.bytes]);
    expect(of('rxflare.endpoint.count', 'READY')).toEqual([1]);
    expect(of('rxflare.connection.count', 'inproc')).toEqual([1]);

    await site.stop();
    await untilState(hub, 'site-1', 'DISCONNECTED');
    expect(await value('rxflare.endpoint.count', { 'rxflare.endpoint.state': 'READY' })).toBe(0);
    expect(await value('rxflare.endpoint.count', { 'rxflare.endpoint.state': 'DISCONNECTED' })).toBe(1);
    expect(await value('rxflare.connection.count')).toBe(0);
    recording.unsubscribe();
    looks = 0;
    await collect();
    expect(looks).toBe(0);
  });

  it('have the send times as cumulative buckets in seconds', async () => {
    const { hub, site, start } = joined('inproc://metrics-times');
    const { meter, collect } = collector();
    const recording = recordMetrics(hub, meter);
    const heard = new Promise((resolve) => site.registerMessageReceiver(1, resolve));
    await start();
    hub.send('site-1', 1, textMessage('hello'));
    await heard;

    const figures = await collect();
    const buckets = figures.get('rxflare.send.duration.bucket') ?? [];
    const bounds = buckets.map(({ attributes }) => attributes.le);
    expect(bounds).toEqual([...SEND_TIME_BOUNDS_MS.map((ms) => String(ms / 1_000)), '+Inf']);
    expect(bounds.slice(0, 3)).toEqual(['0.00005', '0.0001', '0.0002']);
    const values = buckets.map((series) => series.value);
    expect(values).toEqual(values.toSorted((a, b) => a - b));
    const { count, sumMs } = hub.stats().endpoints[0]?.sendTimes ?? {};
    expect(count).toBeGreaterThan(0);
    expect(values.at(-1)).toBe(count);
    expect(figures.get('rxflare.send.duration.count')?.[0]?.value).toBe(count);
    expect(figures.get('rxflare.send.duration.sum')?.[0]?.value).toBe((sumMs ?? 0) / 1_000);
    recording.unsubscribe();
  });

  it('name the endpoints that are chosen, and no other', async () => {
    const { hub, start } = joined('inproc://metrics-names');
    const other = communicator('page-1');
    other.addConnector('inproc://metrics-names', Mode.ACTIVE);
    const { meter, collect } = collector();
    const recording = recordMetrics(hub, meter, { endpoints: (name) => name.startsWith('site-') });
    await start();
    await other.start();
    await untilState(hub, 'page-1');
    const ready = ((await collect()).get('rxflare.endpoint.count') ?? [])
      .filter(({ attributes }) => attributes['rxflare.endpoint.state'] === 'READY')
      .map(({ attributes, value }: Series) => [attributes['rxflare.endpoint.name'], value]);
    expect(ready.sort()).toEqual([
      ['_other', 1],
      ['site-1', 1],
    ]);
    recording.unsubscribe();
  });

  it('have a number of series that does not depend on the number of endpoints', async () => {
    const { meter, collect } = collector();
    const hub = communicator('hub');
    hub.addConnector('inproc://metrics-many', Mode.PASSIVE);
    const recording = recordMetrics(hub, meter);
    await hub.start();
    const seriesOf = async () => [...(await collect()).values()].flat().length;
    const joins = async (name: string) => {
      const site = communicator(name);
      site.addConnector('inproc://metrics-many', Mode.ACTIVE);
      await site.start();
      await untilState(hub, name);
    };
    await joins('site-1');
    const few = await seriesOf();
    for (let number = 2; number <= 5; number += 1) await joins(`site-${number}`);
    expect(await seriesOf()).toBe(few);
    expect(few).toBeLessThan(60);
    recording.unsubscribe();
  });

  it('count lifecycle events from 0, and how long connections lasted', async () => {
    const { hub, site, start } = joined('inproc://metrics-events');
    const { meter, value } = collector();
    const recording = recordMetrics(hub, meter);
    const events = (type: string) => value('rxflare.lifecycle.events', { 'rxflare.event.type': type });
    expect(await events('refused')).toBe(0);
    await start();
    expect(await events('connected')).toBe(1);
    const ended = nextEvent(hub, 'disconnected');
    await site.stop();
    await ended;
    expect(await events('disconnected')).toBe(1);
    expect(await value('rxflare.connection.duration')).toBe(1);
    recording.unsubscribe();
    await hub.stop();
    expect(await events('disconnected')).toBe(1);
  });

  it('have the share of a replica in its cluster, under one ID however many others there are', async () => {
    const hub = communicator('hub');
    const { meter, collect, value } = collector();
    let cluster: ClusterStats | undefined;
    const replica = Object.create(hub, {
      stats: { value: (): CommunicatorStats => ({ ...hub.stats(), ...(cluster && { cluster }) }) },
    }) as typeof hub;
    const recording = recordMetrics(replica, meter);
    const names = async () => [...(await collect()).keys()].filter((name) => name.includes('cluster'));
    expect(await names()).toEqual([]);

    cluster = clusterStats({ rejected: 3, received: { messages: 7, bytes: 70 } });
    expect(await value('rxflare.cluster.replica.count')).toBe(3);
    expect(await value('rxflare.cluster.endpoint.count')).toBe(40);
    expect(await value('rxflare.cluster.connection.count')).toBe(1);
    expect(await value('rxflare.cluster.rejected.messages')).toBe(3);
    const both = async (name: string) => [
      await value(name, { 'network.io.direction': 'transmit' }),
      await value(name, { 'network.io.direction': 'receive' }),
    ];
    expect(await both('rxflare.cluster.messages')).toEqual([12, 7]);
    expect(await both('rxflare.cluster.io')).toEqual([3_400, 70]);

    // It has stopped.
    cluster = clusterStats({ isConnected: false, replicas: [] });
    expect(await value('rxflare.cluster.replica.count')).toBe(0);
    expect(await value('rxflare.cluster.endpoint.count')).toBe(0);
    expect(await value('rxflare.cluster.connection.count')).toBe(0);
    const all = await collect();
    const series = (await names()).flatMap((name) => all.get(name) ?? []);
    expect(series).toHaveLength(8);
    expect(new Set(series.map(({ attributes }) => attributes['rxflare.replica.id']))).toEqual(
      new Set(['hub-a']),
    );
    recording.unsubscribe();
  });

  it('of two communicators are apart', async () => {
    const { hub, site, start } = joined('inproc://metrics-two');
    const { meter, value } = collector();
    const recording = recordMetrics(hub, meter);
    recording.add(recordMetrics(site, meter));
    await start();
    for (const name of ['hub', 'site-1']) {
      expect(await value('rxflare.connection.count', { 'rxflare.communicator.name': name })).toBe(1);
    }
    recording.unsubscribe();
  });
});
