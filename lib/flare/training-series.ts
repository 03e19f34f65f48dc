import type { MetricSeries } from './training-report.js';

/** The most series of a job, and points of a series. */
export const MAX_SERIES = 64;
export const MAX_POINTS = 512;

/** No metric has a longer name. */
const MAX_NAME = 128;

/** Of one workflow: the next one counts its rounds from the first again. */
interface Growing {
  readonly key: string;
  readonly site: string | null;
  readonly name: string;
  points: (readonly [number, number])[];
  /** One of each `step` points is kept. */
  step: number;
  seen: number;
}

/** Metrics of sites and of the aggregate, by round: a bounded number of series, of which long ones get coarser. */
export class TrainingSeries {
  readonly #all: Growing[] = [];
  readonly #open = new Map<string, Growing>();
  #omitted = new Set<string>();

  /** How many series did not fit; counted up to as many again. */
  get omitted(): number {
    return this.#omitted.size;
  }

  /** A workflow begins: its metrics are series of their own, called `accuracy (2)` for example. */
  restart(): void {
    this.#open.clear();
  }

  /** Adds a point. One for the same round replaces the last. What is no number is left out. */
  add(site: string | null, metric: string, round: number, value: number): void {
    if (!Number.isFinite(value)) return;
    const name = metric.slice(0, MAX_NAME);
    const key = `${site ?? ''}\n${name}`;
    const series = this.#open.get(key) ?? this.#begun(key, site, name);
    if (series === undefined) return;
    if (series.points.at(-1)?.[0] === round) {
      series.points[series.points.length - 1] = [round, value];
      return;
    }
    series.seen += 1;
    if ((series.seen - 1) % series.step !== 0) return;
    series.points.push([round, value]);
    if (series.points.length <= MAX_POINTS) return;
    series.points = series.points.filter((_, index) => index % 2 === 0);
    series.step *= 2;
  }

  /** The aggregate first, then by site. */
  all(): readonly MetricSeries[] {
    const all = this.#all.map(({ site, name, points }): MetricSeries => ({
      site,
      name,
      axis: 'round',
      points: [...points],
    }));
    return all.sort(
      (one, other) => (one.site ?? '').localeCompare(other.site ?? '') || one.name.localeCompare(other.name),
    );
  }

  #begun(key: string, site: string | null, name: string): Growing | undefined {
    if (this.#all.length >= MAX_SERIES) {
      if (this.#omitted.size < MAX_SERIES) this.#omitted.add(key);
      return undefined;
    }
    const before = this.#all.filter((series) => series.key === key).length;
    const own = before === 0 ? name : `${name} (${before + 1})`;
    const begun: Growing = { key, site, name: own, points: [], step: 1, seen: 0 };
    this.#all.push(begun);
    this.#open.set(key, begun);
    return begun;
  }
}
