import {
  ChangeDetectionStrategy,
  Component,
  computed,
  type ElementRef,
  inject,
  output,
  signal,
  viewChildren,
} from '@angular/core';

import { formatDate, formatDuration, formatMoment } from '../shared/format';
import { FederationConnection } from './federation-connection';
import { COLUMNS, type Column, inJobOrder, isOrder, type JobOrder } from './job-order';
import { OUTCOMES, Outcome } from './outcome';

/** How many jobs are shown until the user asks for more. */
const SHOWN = 20;

/** The jobs: a table, and cards where there is no room for one. */
@Component({
  selector: 'rxf-job-list',
  changeDetection: ChangeDetectionStrategy.OnPush,
  imports: [Outcome],
  host: { class: 'card' },
  templateUrl: './job-list.html',
  styleUrls: ['../shared/table.css', './job-list.css'],
})
export class JobList {
  readonly #connection = inject(FederationConnection);
  private readonly names = viewChildren<ElementRef<HTMLButtonElement>>('name');

  /** A person wants to look at a job. */
  readonly open = output<string>();

  readonly report = computed(() => this.#connection.jobs().value);
  readonly isReadOnly = computed(() => this.#connection.system().value?.isReadOnly !== false);
  readonly filter = signal('');
  readonly outcome = signal('');
  readonly order = signal<JobOrder>('submitted');
  readonly isReversed = signal(false);
  readonly isLong = signal(false);
  readonly found = computed(() => {
    const [text, outcome] = [this.filter().trim().toLowerCase(), this.outcome()];
    const jobs = (this.report()?.jobs ?? []).filter(
      (job) =>
        (outcome === '' || job.outcome === outcome) &&
        [job.name, job.jobId, job.submitter ?? ''].some((each) => each.toLowerCase().includes(text)),
    );
    return inJobOrder(jobs, this.order(), this.isReversed());
  });
  readonly shown = computed(() => (this.isLong() ? this.found() : this.found().slice(0, SHOWN)));
  readonly hidden = computed(() => this.found().length - this.shown().length);
  readonly tally = computed(() => {
    const { jobs = [], omitted = 0 } = this.report() ?? {};
    const of = omitted === null ? '' : ` of ${jobs.length + omitted}`;
    const all = omitted === 0 ? `${jobs.length} in all` : `the latest ${jobs.length}${of}`;
    return this.found().length === jobs.length ? all : `${this.found().length} of ${all}`;
  });

  readonly now = this.#connection.now;
  readonly COLUMNS = COLUMNS;
  readonly OUTCOMES = OUTCOMES;
  readonly isOrder = isOrder;
  readonly formatDate = formatDate;
  readonly formatMoment = formatMoment;

  /** How long a job has run; of one that runs, until now. */
  duration({ outcome, durationMs }: { outcome: string; durationMs: number | null }): string {
    if (durationMs === null) return outcome === 'waiting' ? '–' : 'unknown';
    const sinceMs = outcome === 'running' ? this.now() - (this.report()?.at ?? this.now()) : 0;
    return formatDuration(durationMs + Math.max(0, sinceMs));
  }

  /** Sorts by a column; a second time the other way round. */
  sortBy(order: JobOrder): void {
    this.isReversed.set(this.order() === order && !this.isReversed());
    this.order.set(order);
  }

  /** How the table is sorted by a column, for screen readers. Times begin with the latest. */
  ariaSort({ order, isDown }: Column): 'ascending' | 'descending' | null {
    if (order !== this.order()) return null;
    return isDown === this.isReversed() ? 'ascending' : 'descending';
  }

  /** Goes from job to job by key. */
  press(event: KeyboardEvent): void {
    const names = this.names().map(({ nativeElement }) => nativeElement);
    const place = names.findIndex((name) => name === event.target);
    const target = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: names.length - 1 }[event.key];
    if (place === -1 || target === undefined) return;
    event.preventDefault();
    names[target]?.focus();
  }

  /** Gives the keyboard to a job, after it was looked at. */
  focus(jobId: string): void {
    const place = this.shown().findIndex((job) => job.jobId === jobId);
    this.names()[place]?.nativeElement.focus();
  }
}
