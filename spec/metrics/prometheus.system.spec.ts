import { readFileSync } from 'node:fs';

import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { interval } from 'rxjs';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { Endpoint, Mode, textMessage } from '../../lib/index.js';
import { recordMetrics } from '../../lib/metrics/index.js';
import { WATCHER_PROPERTIES } from '../../lib/monitor/index.js';
import { communicator, startListening, stopAll, untilState } from '../support/communicators.js';
import { freePort } from '../support/free-port.js';
import { Prometheus, prometheusPath } from '../support/prometheus.js';
import { queries, variables } from './grafana.js';

const CONFIG = readFileSync(new URL('../../docs/examples/grafana/prometheus.yml', import.meta.url), 'utf8');

const path = await prometheusPath();

it('is scraped by the configuration, in the first program of the guide', () => {
  const guide = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  const [, port] = /new PrometheusExporter\(\{ .*port: (\d+)/.exec(guide) ?? [];
  expect(CONFIG).toContain(`targets: ['localhost:${port}']`);
});

describe.skipIf(path === undefined)('a real Prometheus that scrapes a hub', () => {
  const [hub, site] = [communicator('hub'), communicator('site-1')];
  let prometheus: Prometheus;
  let url: string;

  beforeAll(async () => {
    const port = await freePort();
    const exporter = new PrometheusExporter({ host: '127.0.0.1', port, preventServerStart: true });
    await exporter.startServer();
    const recording = recordMetrics(hub, new MeterProvider({ readers: [exporter] }).getMeter('rxflare'), {
      endpoints: (name) => name.startsWith('site-'),
    });
    hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
    url = await startListening(hub);
    site.addConnector(url, Mode.ACTIVE);
    const config = CONFIG.replace('15s', '100ms').replace('localhost:8064', `127.0.0.1:${port}`);
    prometheus = await Prometheus.start(path ?? '', config);
    await site.start();
    await untilState(hub, 'site-1');
    await untilState(site, 'hub');
    return async () => {
      await prometheus.stop();
      recording.unsubscribe();
      await exporter.shutdown();
      await stopAll();
    };
  });

  // A scrape that takes longer than the interval fails, and then nothing has a value until the next one.
  it('sees endpoints, messages, times and events', async () => {
    const value = async (query: string) => (await prometheus.query(query))[0]?.value;
    hub.registerMessageReceiver(1, ({ endpoint }) => hub.send(endpoint, 1, textMessage('hello to you')));
    for (let number = 0; number < 10; number += 1) site.send('hub', 1, textMessage('hello'));

    const ofSite = 'rxflare_endpoint_name="site-1"';
    await expect.poll(() => value(`messaging_client_consumed_messages_total{${ofSite}}`)).toBe(10);
    await expect.poll(() => value(`messaging_client_sent_messages_total{${ofSite}}`)).toBe(10);
    await expect
      .poll(() => value(`rxflare_endpoint_count{${ofSite},rxflare_endpoint_state="READY"}`))
      .toBe(1);
    await expect.poll(() => value('rxflare_connection_count{url_scheme="tcp"}')).toBe(1);
    await expect.poll(() => value('rxflare_lifecycle_events_total{rxflare_event_type="connected"}')).toBe(1);
    const { received, sendTimes } = hub.stats().endpoints[0] ?? {};
    await expect
      .poll(() => value(`rxflare_io_total{${ofSite},network_io_direction="receive"}`))
      .toBe(received?.bytes);
    await expect
      .poll(() => value(`rxflare_send_duration_bucket_total{${ofSite},le="+Inf"}`))
      .toBe(sendTimes?.count);
    // Of the last message that it timed, between two scrapes at least.
    const median = `histogram_quantile(0.5, sum by (le) (rxflare_send_duration_bucket_total{${ofSite}}))`;
    await expect.poll(() => value(median)).toBeGreaterThan(0);
  });

  it('counts a watcher apart', async () => {
    const watcher = communicator(new Endpoint('page', WATCHER_PROPERTIES));
    watcher.addConnector(url, Mode.ACTIVE);
    await watcher.start();
    const value = async (query: string) => (await prometheus.query(query))[0]?.value;
    await expect.poll(() => value('rxflare_watcher_count')).toBe(1);
    await expect.poll(() => value('sum(rxflare_endpoint_count{rxflare_endpoint_state="READY"})')).toBe(1);
    await expect.poll(() => value('rxflare_connection_count')).toBe(2);
  });

  it('answers each query of the Grafana dashboard with figures, and has the labels of its legends', async () => {
    expect(queries.length).toBeGreaterThan(15);
    // Histograms have a quantile once something was added since the first scrape, so traffic goes on.
    const traffic = interval(50).subscribe(() => site.send('hub', 1, textMessage('hello')));
    const comesAndGoes = interval(200).subscribe(() => hub.removeEndpoint('page'));
    onTestFinished(() => {
      traffic.unsubscribe();
      comesAndGoes.unsubscribe();
    });
    for (const { name, query, labels } of queries) {
      const answer = () => prometheus.query(query);
      const figures = async () => (await answer()).map(({ value }) => value).filter(Number.isFinite);
      await expect.poll(figures, { message: name }).not.toEqual([]);
      for (const { metric } of await answer()) expect(Object.keys(metric), name).toEqual(labels);
    }
  });

  it('has the values of its variables', async () => {
    expect(variables).not.toEqual([]);
    for (const [metric, label] of variables)
      expect(await prometheus.labelValues(metric, label)).toEqual(['hub']);
  });

  it('has an alert for a site that is away, also one that was never there', async () => {
    const guide = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
    const alert = /^absent\(.*\)$/m.exec(guide)?.[0] ?? '';
    const firing = async (name: string) =>
      (await prometheus.query(alert.replace('hospital-1', name))).map(({ value }) => value);
    await expect.poll(() => firing('site-1')).toEqual([]);
    expect(await firing('site-2')).toEqual([1]);
    await site.stop();
    await expect.poll(() => firing('site-1')).toEqual([1]);
  });
});
