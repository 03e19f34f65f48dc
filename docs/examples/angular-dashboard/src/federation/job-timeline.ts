import { ChangeDetectionStrategy, Component, computed, input } from '@angular/core';
import type { JobReport } from 'rxflare/flare/dashboard';

import { formatDate, formatDuration } from '../shared/format';

/** What a job went through, and what came of deploying it. */
@Component({
  selector: 'rxf-job-timeline',
  changeDetection: ChangeDetectionStrategy.OnPush,
  host: { class: 'card' },
  template: `
    <header><h2 id="timeline">Timeline</h2></header>
    <ol aria-labelledby="timeline">
      @for (step of steps(); track step.status) {
        <li [class.is-last]="$last">
          <span class="status">{{ step.status }}</span>
          <span class="soft">
            @if (step.at === null) {
              <span title="Nobody told when it was.">time unknown</span>
            } @else {
              <time>{{ formatDate(step.at) }}</time>
            }
            @if (step.source === 'seen') {
              <span title="The server does not tell the time; the back end saw it then.">, as seen here</span>
            }
            @if (step.afterMs !== undefined) {
              <span class="after">after {{ formatDuration(step.afterMs) }}</span>
            }
          </span>
        </li>
      }
    </ol>
    @if (report().deployment.length) {
      <ul aria-label="Deployment">
        @for (each of deployment(); track each.site) {
          <li [class.is-bad]="!each.isOk">
            <b>{{ each.site }}</b> {{ each.isOk ? 'deployed' : each.text }}
          </li>
        }
      </ul>
    }
  `,
  styles: `
    :host {
      display: block;
      min-width: 0;
    }

    ol {
      display: flex;
      flex-wrap: wrap;
      padding: 0.25rem 1rem 0.75rem;
      list-style: none;
    }

    ol li {
      position: relative;
      flex: 1 1 9rem;
      padding: 1.125rem 1rem 0 0;
      font-size: 0.875rem;
    }

    ol li::before {
      position: absolute;
      top: 0.375rem;
      right: 0;
      left: 0;
      height: 2px;
      background: var(--line);
      content: '';
    }

    ol li::after {
      position: absolute;
      top: 0;
      left: 0;
      width: 0.875rem;
      height: 0.875rem;
      border: 3px solid var(--card);
      border-radius: 50%;
      background: var(--accent);
      content: '';
    }

    ol li.is-last::before {
      right: 100%;
    }

    .status {
      display: block;
      font-weight: 600;
      overflow-wrap: anywhere;
    }

    .after {
      display: block;
    }

    ul {
      display: flex;
      flex-wrap: wrap;
      gap: 0.25rem 1.25rem;
      padding: 0.625rem 1rem;
      border-top: 1px solid var(--line);
      list-style: none;
      color: var(--ink-soft);
      font-size: 0.8125rem;
      overflow-wrap: anywhere;
    }

    ul b {
      color: var(--ink);
      font-weight: 600;
    }

    .is-bad {
      color: var(--bad);
    }
  `,
})
export class JobTimeline {
  readonly report = input.required<JobReport>();

  /** The server first, then the sites by name. */
  readonly deployment = computed(() => {
    const rank = (site: string) => (site === 'server' ? '' : site);
    return [...this.report().deployment].sort((a, b) =>
      rank(a.site).localeCompare(rank(b.site), 'en', { numeric: true }),
    );
  });
  readonly steps = computed(() => {
    const timeline = this.report().timeline;
    return timeline.map((step, index) => {
      const before = timeline[index - 1]?.at ?? null;
      return {
        ...step,
        status: step.status.replace('FINISHED:', '').replaceAll('_', ' ').toLowerCase(),
        afterMs: before === null || step.at === null ? undefined : step.at - before,
      };
    });
  });

  readonly formatDate = formatDate;
  readonly formatDuration = formatDuration;
}
