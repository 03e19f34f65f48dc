import { ChangeDetectionStrategy, Component, computed, input } from '@angular/core';

import { HOUR_MS, type Sample, SPAN_MS } from './picture';

const WIDTH = 600;
const HEIGHT = 160;
const LINES = 4;

/** The course of one measure, received and sent, over the last two minutes or hour. */
@Component({
  selector: 'rxf-traffic-chart',
  changeDetection: ChangeDetectionStrategy.OnPush,
  host: { class: 'card' },
  template: `
    <header>
      <h2>{{ heading() }}</h2>
      <p class="legend soft" aria-hidden="true">
        <span class="in">received</span>
        <span class="out">sent</span>
      </p>
    </header>
    <div class="plot" role="img" [attr.aria-label]="summary()">
      <ol class="scale soft" aria-hidden="true">
        @for (mark of marks(); track $index) {
          <li>{{ mark }}</li>
        }
      </ol>
      <svg viewBox="0 0 600 160" preserveAspectRatio="none" aria-hidden="true">
        @for (line of lines; track line) {
          <path class="grid" [attr.d]="'M0 ' + line + 'H600'" />
        }
        <path class="area in" [attr.d]="received().area" />
        <path class="area out" [attr.d]="sent().area" />
        <path class="line in" [attr.d]="received().line" />
        <path class="line out" [attr.d]="sent().line" />
      </svg>
    </div>
    <p class="axis soft" aria-hidden="true">
      <span>{{ axis()[0] }}</span><span>{{ axis()[1] }}</span
      ><span>now</span>
    </p>
  `,
  styles: `
    :host {
      display: block;
      padding-bottom: 0.75rem;
    }

    .legend {
      display: flex;
      gap: 0.75rem;
    }

    .legend span::before {
      display: inline-block;
      width: 0.875rem;
      height: 0.1875rem;
      margin-right: 0.375rem;
      border-radius: 2px;
      background: var(--in);
      content: '';
      vertical-align: middle;
    }

    /* Dashed, so that the lines differ without colours, and where one lies on the other. */
    .legend .out::before {
      background: repeating-linear-gradient(90deg, var(--out) 0 5px, transparent 5px 8px);
    }

    .plot {
      position: relative;
      margin: 0.25rem 1rem 0;
      padding-left: 3.5rem;
    }

    .scale {
      position: absolute;
      inset: 0 auto 0 0;
      display: flex;
      flex-direction: column;
      justify-content: space-between;
      width: 3rem;
      list-style: none;
      text-align: right;
      white-space: nowrap;
    }

    .scale li {
      height: 0;
      font-size: 0.75rem;
      line-height: 0;
    }

    svg {
      display: block;
      width: 100%;
      height: 10rem;
      overflow: visible;
    }

    path {
      fill: none;
      vector-effect: non-scaling-stroke;
    }

    .grid {
      stroke: var(--line);
      stroke-width: 1;
    }

    .line {
      stroke: var(--in);
      stroke-linejoin: round;
      stroke-width: 2;
    }

    .line.out {
      stroke: var(--out);
      stroke-dasharray: 5 3;
    }

    .area.in {
      fill: var(--in-fill);
    }

    .area.out {
      fill: var(--out-fill);
    }

    .axis {
      display: flex;
      justify-content: space-between;
      margin: 0.5rem 1rem 0 4.5rem;
      font-size: 0.75rem;
    }

    @media (max-width: 36rem) {
      header {
        column-gap: 0.5rem;
      }

      .legend {
        gap: 0.5rem;
      }

      .legend span::before {
        width: 0.8125rem;
        margin-right: 0.25rem;
      }
    }
  `,
})
export class TrafficChart {
  readonly heading = input.required<string>();
  readonly measure = input.required<'messages' | 'bytes'>();
  readonly samples = input.required<readonly Sample[]>();
  /** For those who do not see the lines. */
  readonly now = input.required<Sample | undefined>();
  readonly spanMs = input(SPAN_MS);
  readonly format = input.required<(value: number) => string>();

  readonly lines = Array.from({ length: LINES + 1 }, (_, index) => (index * HEIGHT) / LINES);
  readonly top = computed(() => {
    const measure = this.measure();
    const most = Math.max(
      ...this.samples().flatMap(({ received, sent }) => [received[measure], sent[measure]]),
      0,
    );
    return roundUp(most);
  });
  readonly marks = computed(() =>
    Array.from({ length: LINES + 1 }, (_, index) => this.format()((this.top() * (LINES - index)) / LINES)),
  );
  readonly axis = computed(() =>
    this.spanMs() === HOUR_MS ? ['1 hour ago', '30 min'] : ['2 min ago', '1 min'],
  );
  readonly received = computed(() => this.#draw('received'));
  readonly sent = computed(() => this.#draw('sent'));
  readonly summary = computed(() => {
    const last = this.now();
    if (last === undefined) return `${this.heading()}: nothing known yet`;
    const [received, sent] = [last.received, last.sent].map((rate) => this.format()(rate[this.measure()]));
    return `${this.heading()}: ${received ?? ''} received and ${sent ?? ''} sent now`;
  });

  /** The newest sample is at the right edge, older ones to the left by their age. */
  #draw(direction: 'received' | 'sent'): { readonly line: string; readonly area: string } {
    const samples = this.samples();
    const newest = samples.at(-1)?.at ?? 0;
    const points = samples.map((sample) => {
      const x = Math.max(0, WIDTH * (1 - (newest - sample.at) / this.spanMs()));
      const y = HEIGHT - (sample[direction][this.measure()] / this.top()) * HEIGHT;
      return [x.toFixed(1), y.toFixed(1)] as const;
    });
    const [first, last] = [points[0], points.at(-1)];
    if (first === undefined || last === undefined) return { line: '', area: '' };
    const line = `M${points.map((point) => point.join(' ')).join('L')}`;
    return { line, area: `${line}L${last[0]} ${HEIGHT}L${first[0]} ${HEIGHT}Z` };
  }
}

/** The next of 4, 8, 12, 20, 40, 80, 120, ... so that a scale of four steps has round marks. */
function roundUp(value: number): number {
  const power = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(value, 1))));
  const step = [0.4, 0.8, 1.2, 2, 4, 8, 12].find((each) => value <= each * power && each * power >= 4) ?? 20;
  return step * power;
}
