import { ChangeDetectionStrategy, Component, computed, input } from '@angular/core';

const WIDTH = 100;
const HEIGHT = 24;

/** One figure with its name, a remark below it and, where there is one, its course as a small line. */
@Component({
  selector: 'rxf-tile',
  changeDetection: ChangeDetectionStrategy.OnPush,
  host: { class: 'card', '[class]': "kind() ? 'is-' + kind() : ''" },
  template: `
    <p class="label">{{ label() }}</p>
    <p class="value">
      {{ value() }}
      @if (unit()) {
        <span class="unit">{{ unit() }}</span>
      }
    </p>
    <p class="soft remark"><ng-content /></p>
    @if (path(); as d) {
      <svg viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true"><path [attr.d]="d" /></svg>
    }
  `,
  styles: `
    :host {
      position: relative;
      display: block;
      overflow: hidden;
      padding: 0.75rem 1rem;
    }

    .label {
      color: var(--ink-soft);
      font-size: 0.8125rem;
      font-weight: 550;
    }

    .value {
      font-size: 1.625rem;
      font-weight: 650;
      letter-spacing: -0.025em;
      line-height: 1.25;
      white-space: nowrap;
    }

    .unit {
      color: var(--ink-soft);
      font-size: 0.8125rem;
      font-weight: 500;
      letter-spacing: 0;
    }

    .remark {
      min-height: 1.25rem;
    }

    :host(.is-in) .label::before,
    :host(.is-out) .label::before {
      display: inline-block;
      width: 0.625rem;
      height: 0.625rem;
      margin-right: 0.375rem;
      border-radius: 2px;
      background: var(--in);
      content: '';
    }

    :host(.is-out) .label::before {
      background: var(--out);
    }

    :host(.is-bad) .value {
      color: var(--bad);
    }

    svg {
      position: absolute;
      right: 0.75rem;
      top: 0.875rem;
      width: 34%;
      height: 1.5rem;
    }

    @media (max-width: 36rem) {
      svg {
        display: none;
      }
    }

    path {
      fill: none;
      stroke: var(--accent);
      stroke-width: 1.5;
      vector-effect: non-scaling-stroke;
    }
  `,
})
export class Tile {
  readonly label = input.required<string>();
  readonly value = input.required<string>();
  readonly unit = input<string>();
  readonly kind = input<'in' | 'out' | 'bad' | undefined>();
  readonly series = input<readonly number[]>([]);

  readonly path = computed(() => {
    const series = this.series();
    if (series.length < 2) return undefined;
    const most = Math.max(...series);
    const points = series.map((value, index) => {
      const x = (index / (series.length - 1)) * WIDTH;
      return `${x.toFixed(1)} ${(HEIGHT - 1 - (value / most) * (HEIGHT - 2)).toFixed(1)}`;
    });
    return `M${points.join('L')}`;
  });
}
