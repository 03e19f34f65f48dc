import {
  ChangeDetectionStrategy,
  Component,
  computed,
  type ElementRef,
  input,
  linkedSignal,
  signal,
  viewChild,
} from '@angular/core';

import { formatValue, marksOf } from './scale';

const WIDTH = 600;
const HEIGHT = 180;

/** How many colours there are; a line beyond them is dashed as well. */
const COLOURS = 6;

/** One line: its values by round, or by step. */
export interface Series {
  readonly name: string;
  /** That of all sites together. It is drawn on top, in the colour of text. */
  readonly isAggregate: boolean;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

interface Line {
  readonly name: string;
  readonly colour: string;
  readonly dash: string;
  readonly path: string;
  readonly dots: string;
  readonly isAggregate: boolean;
  readonly isShown: boolean;
  readonly at: ReadonlyMap<number, number>;
}

/** The course of one metric at each site and of the aggregate, with the values by pointer, by key and as a table. */
@Component({
  selector: 'rxf-line-chart',
  changeDetection: ChangeDetectionStrategy.OnPush,
  host: { class: 'card' },
  templateUrl: './line-chart.html',
  styleUrl: './line-chart.css',
})
export class LineChart {
  private readonly plot = viewChild.required<ElementRef<HTMLElement>>('plot');

  readonly heading = input.required<string>();
  readonly series = input.required<readonly Series[]>();
  /** What is counted along the chart: `round`, `step`. */
  readonly unit = input('round');

  /** The lines that a person has switched off. */
  readonly hidden = signal<ReadonlySet<string>>(new Set());
  readonly xs = computed(() =>
    [...new Set(this.series().flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b),
  );
  /** The place that is looked at; none while nobody looks. */
  readonly chosen = linkedSignal<readonly number[], number | undefined>({
    source: this.xs,
    computation: (xs, before) =>
      before?.value !== undefined && xs.includes(before.value) ? before.value : undefined,
  });
  readonly marks = computed(() => {
    const shown = this.series().filter(({ name }) => !this.hidden().has(name));
    const values = shown.flatMap(({ points }) => points.map(({ y }) => y)).filter(Number.isFinite);
    return marksOf(least(values), most(values));
  });
  readonly grid = computed(() => this.marks().map((mark) => ({ mark, y: this.#y(mark) })));
  readonly ticks = computed(() => {
    const xs = this.xs();
    const step = Math.max(1, Math.ceil(xs.length / 6));
    return xs.filter((_, index) => index % step === 0).map((x) => ({ x, at: this.#x(x) }));
  });
  readonly lines = computed<readonly Line[]>(() => {
    let number = 0;
    const lines = this.series().map(({ name, isAggregate, points }) => {
      const index = isAggregate ? 0 : number++;
      const drawn = points
        .filter(({ y }) => Number.isFinite(y))
        .map(({ x, y }) => `${this.#x(x).toFixed(1)} ${this.#y(y).toFixed(1)}`);
      return {
        name,
        isAggregate,
        colour: isAggregate ? 'var(--ink)' : `var(--series-${(index % COLOURS) + 1})`,
        dash: isAggregate ? '' : (DASHES[Math.floor(index / COLOURS) % DASHES.length] ?? ''),
        // The line, and a dot at each value: a path of no length with a round end.
        path: drawn.length === 0 ? '' : `M${drawn.join('L')}`,
        dots: drawn.map((point) => `M${point}h0.01`).join(''),
        isShown: !this.hidden().has(name),
        at: new Map(points.map(({ x, y }) => [x, y])),
      };
    });
    return lines.sort((a, b) => Number(a.isAggregate) - Number(b.isAggregate));
  });
  readonly hasDots = computed(() => this.xs().length <= 40);
  /** The legend and the table begin with the aggregate. */
  readonly named = computed(() =>
    [...this.lines()].sort((a, b) => Number(b.isAggregate) - Number(a.isAggregate)),
  );
  readonly guide = computed(() => {
    const x = this.chosen();
    return x === undefined ? undefined : { x, at: this.#x(x), isLate: this.#x(x) > WIDTH / 2 };
  });
  readonly values = computed(() => {
    const x = this.chosen();
    if (x === undefined) return [];
    return this.named()
      .filter(({ isShown }) => isShown)
      .map(({ name, colour, at }) => ({ name, colour, value: textOf(at.get(x)) }));
  });
  readonly place = computed(() => {
    const [xs, chosen] = [this.xs(), this.chosen()];
    return chosen === undefined ? xs.length - 1 : xs.indexOf(chosen);
  });
  /** What a screen reader says of the place that is looked at, or of the last. */
  readonly spoken = computed(() => {
    const x = this.xs()[this.place()];
    if (x === undefined) return 'no values yet';
    const values = this.named().map(({ name, at }) => `${name} ${textOf(at.get(x))}`);
    return `${this.unit()} ${x}: ${values.join(', ')}`;
  });

  readonly textOf = textOf;
  readonly formatValue = formatValue;

  /** Looks at the place that is nearest to the pointer. */
  point(event: PointerEvent): void {
    const { left, width } = this.plot().nativeElement.getBoundingClientRect();
    const wanted = ((event.clientX - left) / width) * WIDTH;
    const distance = (x: number) => Math.abs(this.#x(x) - wanted);
    this.chosen.set([...this.xs()].sort((a, b) => distance(a) - distance(b))[0]);
  }

  /** Goes through the places by key. */
  press(event: KeyboardEvent): void {
    const [last, place] = [this.xs().length - 1, this.place()];
    const target = PLACES[event.key]?.(place, last);
    if (event.key === 'Escape') this.chosen.set(undefined);
    if (target === undefined) return;
    event.preventDefault();
    this.chosen.set(this.xs()[Math.max(0, Math.min(last, target))]);
  }

  toggle(name: string): void {
    this.hidden.update((hidden) => {
      const next = new Set(hidden);
      if (!next.delete(name)) next.add(name);
      return next;
    });
  }

  #x(x: number): number {
    const xs = this.xs();
    const [first = 0, last = 0] = [xs[0], xs.at(-1)];
    return first === last ? WIDTH / 2 : ((x - first) / (last - first)) * WIDTH;
  }

  #y(y: number): number {
    const marks = this.marks();
    const [low = 0, high = 1] = [marks[0], marks.at(-1)];
    return HEIGHT - ((y - low) / (high - low)) * HEIGHT;
  }
}

const DASHES = ['', '6 3', '2 3'];

const PLACES: Readonly<Record<string, (place: number, last: number) => number>> = {
  ArrowLeft: (place) => place - 1,
  ArrowDown: (place) => place - 1,
  ArrowRight: (place) => place + 1,
  ArrowUp: (place) => place + 1,
  Home: () => 0,
  End: (_, last) => last,
};

function textOf(value: number | undefined): string {
  return value === undefined ? '–' : formatValue(value);
}

/** Not by spreading: a long job has more values than a call takes arguments. */
function least(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b), Infinity);
}

function most(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b), -Infinity);
}
