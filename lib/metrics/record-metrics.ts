import type { Attributes, BatchObservableResult, Meter, Observable as Instrument } from '@opentelemetry/api';
import type { Subscription } from 'rxjs';

import type { Communicator } from '../communicator.js';
import { CLUSTER_COUNTERS, CLUSTER_LEVELS, clusterFigures } from './cluster-metrics.js';
import { CONNECTION_LEVELS } from './connection-metrics.js';
import { EndpointGroups, type MetricsOptions } from './endpoint-groups.js';
import { ENDPOINT_COUNTERS, ENDPOINT_LEVELS } from './endpoint-metrics.js';
import { EndpointSums } from './endpoint-sums.js';
import { recordEvents } from './lifecycle-metrics.js';
import { type Metric } from './metric.js';
import { SchemeSums } from './scheme-sums.js';

/**
 * Records what a communicator does with a meter of OpenTelemetry: its `stats()`, read once for each collection (a
 * scrape of Prometheus, say), and its `lifecycle$`. A message costs nothing more than without it.
 *
 * Every series has the name of the communicator in the attribute `rxflare.communicator.name`. The number of series
 * does not depend on how many endpoints there are. A replica of a cluster records its own share of the cluster, with its
 * ID in `rxflare.replica.id`; what all have together is the sum over the replicas, but each counts all replicas.
 *
 * @param meter - of `metrics.getMeter('rxflare')`, or of a `MeterProvider` of your own
 * @returns unsubscribing ends it. A communicator that has stopped goes on to report its last figures until then.
 * @throws CommError `BAD_CONFIG` for options that cannot be
 *
 * @example
 * ```ts
 * const recording = recordMetrics(hub, metrics.getMeter('rxflare'), {
 *   endpoints: (name) => name.startsWith('hospital-'),
 * });
 * ```
 */
export function recordMetrics(
  communicator: Communicator,
  meter: Meter,
  options: MetricsOptions = {},
): Subscription {
  const common = { 'rxflare.communicator.name': communicator.localEndpoint.name };
  const endpoints = new EndpointSums(new EndpointGroups(options));
  const schemes = new SchemeSums();
  const counters = ENDPOINT_COUNTERS.map((metric) => meter.createObservableCounter(metric.name, metric));
  const levels = ENDPOINT_LEVELS.map((metric) => meter.createObservableUpDownCounter(metric.name, metric));
  const connections = CONNECTION_LEVELS.map((metric) =>
    meter.createObservableUpDownCounter(metric.name, metric),
  );
  const shares = CLUSTER_COUNTERS.map((metric) => meter.createObservableCounter(metric.name, metric));
  const standings = CLUSTER_LEVELS.map((metric) => meter.createObservableUpDownCounter(metric.name, metric));

  const watchers = meter.createObservableUpDownCounter('rxflare.watcher.count', {
    unit: '{endpoint}',
    description: 'Dashboards and commands that watch. They are in no figure of endpoints.',
  });

  const observe = (result: BatchObservableResult): void => {
    const stats = communicator.stats();
    endpoints.update(stats.endpoints);
    schemes.update(stats.connections);
    const ofEndpoint = (name: string | undefined): Attributes =>
      name === undefined ? common : { ...common, 'rxflare.endpoint.name': name };
    observeAll(result, counters, ENDPOINT_COUNTERS, endpoints.counters, ofEndpoint);
    observeAll(result, levels, ENDPOINT_LEVELS, endpoints.levels, ofEndpoint);
    result.observe(watchers, endpoints.watchers, common);
    observeAll(result, connections, CONNECTION_LEVELS, schemes.levels, (scheme) => ({
      ...common,
      'url.scheme': scheme,
    }));
    const cluster = clusterFigures(stats.cluster);
    const ofReplica = (id: string): Attributes => ({ ...common, 'rxflare.replica.id': id });
    observeAll(result, shares, CLUSTER_COUNTERS, cluster.counters, ofReplica);
    observeAll(result, standings, CLUSTER_LEVELS, cluster.levels, ofReplica);
  };
  const instruments = [...counters, ...levels, watchers, ...connections, ...shares, ...standings];
  meter.addBatchObservableCallback(observe, instruments);

  const recording = recordEvents(communicator, meter, common);
  recording.add(() => meter.removeBatchObservableCallback(observe, instruments));
  return recording;
}

/** Reports the figures of each group under its attributes. */
function observeAll<T, G>(
  result: BatchObservableResult,
  instruments: readonly Instrument[],
  metrics: readonly Metric<T>[],
  sums: ReadonlyMap<G, readonly number[]>,
  attributesOf: (group: G) => Attributes,
): void {
  for (const [group, figures] of sums) {
    const attributes = attributesOf(group);
    let place = 0;
    metrics.forEach(({ series }, index) => {
      const instrument = instruments[index];
      for (const { attributes: own } of series) {
        if (instrument !== undefined)
          result.observe(instrument, figures[place] ?? 0, { ...attributes, ...own });
        place += 1;
      }
    });
  }
}
