import { ChangeDetectionStrategy, Component, computed, input } from '@angular/core';
import type { JobSummary } from 'rxflare/flare/dashboard';

/** What can come of a job. */
export const OUTCOMES: readonly JobSummary['outcome'][] = [
  'waiting',
  'running',
  'completed',
  'aborted',
  'failed',
];

/** The state of a job as a chip: what it means, and where the server says more, its word. */
@Component({
  selector: 'rxf-outcome',
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `<span class="chip" [class]="'is-' + job().outcome" [title]="job().status">{{
      job().outcome
    }}</span>
    @if (more(); as word) {
      <span class="soft">{{ word }}</span>
    }`,
  styles: `
    :host {
      display: inline-flex;
      flex-wrap: wrap;
      align-items: center;
      gap: 0.125rem 0.5rem;
      vertical-align: middle;
    }

    .chip.is-completed {
      background: var(--good-fill);
      color: var(--good);
    }

    .chip.is-running {
      background: var(--in-fill);
      color: var(--in);
    }

    .chip.is-waiting,
    .chip.is-aborted {
      background: var(--warn-fill);
      color: var(--warn);
    }
  `,
})
export class Outcome {
  readonly job = input.required<Pick<JobSummary, 'outcome' | 'status'>>();

  readonly more = computed(() => {
    const { outcome, status } = this.job();
    const word = status.replace('FINISHED:', '').replaceAll('_', ' ').toLowerCase();
    return outcome === word || (outcome === 'waiting' && word === 'submitted') ? '' : word;
  });
}
