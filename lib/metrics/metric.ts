import type { Attributes } from '@opentelemetry/api';

/** One metric and how its figures are read from one endpoint or connection of a snapshot. */
export interface Metric<T> {
  readonly name: string;
  /** In UCUM, as OpenTelemetry wants it. */
  readonly unit: string;
  readonly description: string;
  readonly series: readonly { readonly attributes: Attributes; readonly of: (stats: T) => number }[];
}

/** Reads one figure. */
export type Reader<T> = (stats: T) => number;

/** The readers of all series, in the order of the metrics and their series. */
export function readersOf<T>(metrics: readonly Metric<T>[]): readonly Reader<T>[] {
  return metrics.flatMap(({ series }) => series.map(({ of }) => of));
}

/** Reads all figures and adds them to sums, place by place. */
export function addFigures<T>(sums: number[], readers: readonly Reader<T>[], stats: T): void {
  readers.forEach((read, place) => (sums[place] = (sums[place] ?? 0) + read(stats)));
}
