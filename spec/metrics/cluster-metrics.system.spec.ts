import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { describe, expect, it, onTestFinished } from 'vitest';

import { textMessage } from '../../lib/index.js';
import { recordMetrics } from '../../lib/metrics/index.js';
import { clusterName, replica, site, type TestReplica } from '../cluster/cluster-of.js';
import { stopAll, untilState } from '../support/communicators.js';
import { freePort } from '../support/free-port.js';
import { NatsServer } from '../support/nats-server.js';
import { Prometheus, prometheusPath } from '../support/prometheus.js';

const path = await prometheusPath();

/** Serves the metrics of a replica; where. */
async function served({ hub }: TestReplica): Promise<string> {
  const port = await freePort();
  const exporter = new PrometheusExporter({ host: '127.0.0.1', port, preventServerStart: true });
  await exporter.startServer();
  const recording = recordMetrics(hub, new MeterProvider({ readers: [exporter] }).getMeter('rxflare'));
  onTestFinished(async () => {
    recording.unsubscribe();
    await exporter.shutdown();
  });
  return `127.0.0.1:${port}`;
}

describe.skipIf(path === undefined)('a real Prometheus that scrapes each replica of a cluster', () => {
  it('sees the share of each, and by their sum the cluster', async () => {
    const server = await NatsServer.start({ jetStream: true });
    onTestFinished(() => server.stop());
    const shared = { server, name: clusterName() };
    const [one, two] = await Promise.all([replica(shared), replica(shared)]);
    onTestFinished(stopAll);
    const targets = await Promise.all([served(one), served(two)]);
    const jobs = `[{job_name: rxflare, static_configs: [{targets: ${JSON.stringify(targets)}}]}]`;
    const prometheus = await Prometheus.start(
      path ?? '',
      `global: {scrape_interval: 100ms}\nscrape_configs: ${jobs}\n`,
    );
    onTestFinished(() => prometheus.stop());

    await Promise.all([site('site-1', one), site('site-2', one), site('site-3', two)]);
    await untilState(one.hub, 'site-3');
    for (let n = 0; n < 5; n += 1) one.hub.send('site-3', 100, textMessage('hello'));
    const value = async (query: string) => (await prometheus.query(query))[0]?.value;
    const of = ({ view }: TestReplica, direction: string) =>
      `{rxflare_replica_id="${view.replica}",network_io_direction="${direction}"}`;
    const { bytes } = one.view.stats()?.sent ?? {};
    // Each replica is scraped in its own time.
    const expected: readonly (readonly [string, number | undefined])[] = [
      [`rxflare_cluster_messages_total${of(one, 'transmit')}`, 5],
      [`rxflare_cluster_messages_total${of(two, 'receive')}`, 5],
      [`rxflare_cluster_io_total${of(two, 'receive')}`, bytes],
      ['sum(rxflare_cluster_endpoint_count)', 3],
      ['min(rxflare_cluster_replica_count)', 2],
      ['min(rxflare_cluster_connection_count)', 1],
      ['sum(rxflare_cluster_rejected_messages_total)', 0],
    ];
    for (const [query, figure] of expected)
      await expect.poll(() => value(query), { message: query }).toBe(figure);
  });
});
