import type { Attributes, Meter } from '@opentelemetry/api';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';

/** A reader that collects when it is asked. */
class OnDemand extends MetricReader {
  protected override onForceFlush(): Promise<void> {
    return Promise.resolve();
  }

  protected override onShutdown(): Promise<void> {
    return Promise.resolve();
  }
}

/** One series: of a histogram, its count. */
export interface Series {
  readonly attributes: Attributes;
  readonly value: number;
}

/** A meter of OpenTelemetry's SDK, and what it has. */
export interface Collector {
  readonly meter: Meter;
  /** All series, by name of the metric. */
  readonly collect: () => Promise<ReadonlyMap<string, readonly Series[]>>;
  /** The sum of the series of a metric that have these attributes; `undefined` without one. */
  readonly value: (name: string, attributes?: Attributes) => Promise<number | undefined>;
}

/** Makes a meter of its own. */
export function collector(): Collector {
  const reader = new OnDemand();
  const meter = new MeterProvider({ readers: [reader] }).getMeter('rxflare');
  const collect = async () => {
    const { resourceMetrics, errors } = await reader.collect();
    if (errors.length > 0) throw new AggregateError(errors, 'the collection failed');
    const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
    return new Map(
      metrics.map(({ descriptor, dataPoints }) => [
        descriptor.name,
        dataPoints.map(({ attributes, value }) => ({ attributes, value: countOf(value) })),
      ]),
    );
  };
  const value = async (name: string, wanted: Attributes = {}) => {
    const series = (await collect()).get(name)?.filter(({ attributes }) => fits(attributes, wanted)) ?? [];
    return series.length === 0 ? undefined : series.reduce((sum, each) => sum + each.value, 0);
  };
  return { meter, collect, value };
}

function countOf(value: number | { readonly count: number }): number {
  return typeof value === 'number' ? value : value.count;
}

function fits(attributes: Attributes, wanted: Attributes): boolean {
  return Object.entries(wanted).every(([name, value]) => attributes[name] === value);
}
