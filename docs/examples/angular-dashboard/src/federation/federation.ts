import {
  afterNextRender,
  ChangeDetectionStrategy,
  Component,
  computed,
  DOCUMENT,
  effect,
  inject,
  Injector,
  signal,
  viewChild,
} from '@angular/core';
import { takeUntilDestroyed, toSignal } from '@angular/core/rxjs-interop';
import { fromEvent } from 'rxjs';

import { formatClock, formatDuration } from '../shared/format';
import { Tile } from '../shared/tile';
import { FederationConnection } from './federation-connection';
import { JobDetail } from './job-detail';
import { JobList } from './job-list';
import { SiteList } from './site-list';
import { SubmitJob } from './submit-job';

/** The whole page: the federation, or one of its jobs, which the address names. */
@Component({
  selector: 'rxf-federation',
  changeDetection: ChangeDetectionStrategy.OnPush,
  imports: [JobDetail, JobList, SiteList, SubmitJob, Tile],
  templateUrl: './federation.html',
  styleUrl: './federation.css',
})
export class Federation {
  readonly #connection = inject(FederationConnection);
  readonly #window = inject(DOCUMENT).defaultView ?? window;
  readonly #injector = inject(Injector);
  private readonly list = viewChild(JobList);

  /** Until the back end has answered, nothing is wrong. */
  readonly isAllowed = toSignal(this.#connection.isAllowed$, { initialValue: true });
  readonly backEnd = this.#connection.backEnd;
  readonly system = computed(() => this.#connection.system().value);
  readonly jobs = computed(() => this.#connection.jobs().value);
  readonly fault = computed(() => this.#connection.system().fault || this.#connection.jobs().fault);
  readonly jobId = signal(this.#jobIdOfAddress());

  readonly state = computed(() => {
    if (!this.isAllowed()) return { text: 'Not let in', kind: 'off' };
    if (this.backEnd() === undefined)
      return this.system() === undefined
        ? { text: 'Connecting …', kind: '' }
        : { text: 'Not connected', kind: 'off' };
    const state = this.system()?.session.state;
    if (state === 'ended') return { text: 'Session ended', kind: 'off' };
    if (state === 'reconnecting') return { text: 'Server away', kind: '' };
    return state === undefined ? { text: 'Connecting …', kind: '' } : { text: 'Connected', kind: 'on' };
  });
  readonly isOld = computed(() => this.system() !== undefined && this.state().kind !== 'on');
  readonly sites = computed(() => {
    const sites = this.system()?.sites;
    if (sites === undefined) return undefined;
    const there = sites.filter(({ state }) => state === 'connected').length;
    const away = sites.filter(({ state }) => state !== 'connected').map(({ name }) => name);
    return { there, of: sites.length, away };
  });
  readonly tally = computed(() => {
    const jobs = this.jobs()?.jobs;
    if (jobs === undefined) return undefined;
    const count = (outcome: string) => jobs.filter((job) => job.outcome === outcome).length;
    const ended = jobs.filter(({ outcome }) => ['completed', 'aborted', 'failed'].includes(outcome));
    return {
      running: count('running'),
      waiting: count('waiting'),
      completed: count('completed'),
      aborted: count('aborted'),
      failed: count('failed'),
      lastFailed: ended.find(({ outcome }) => outcome === 'failed')?.name,
    };
  });
  readonly upMs = computed(() => {
    const start = this.system()?.server?.startTime ?? null;
    return start === null ? undefined : this.#connection.now() - start;
  });

  readonly formatClock = formatClock;
  readonly formatDuration = formatDuration;

  constructor() {
    fromEvent(this.#window, 'popstate')
      .pipe(takeUntilDestroyed())
      .subscribe(() => this.#show(this.#jobIdOfAddress()));
    effect(() => {
      const jobId = this.jobId();
      const name = this.jobs()?.jobs.find((job) => job.jobId === jobId)?.name ?? 'Federation';
      this.#window.document.title = `${name} – rxflare`;
    });
  }

  /** Shows a job, or all of them; the way back of the browser leads here again. */
  go(jobId: string | undefined): void {
    const url = jobId === undefined ? this.#window.location.pathname : `?job=${encodeURIComponent(jobId)}`;
    this.#window.history.pushState(null, '', url);
    this.#show(jobId);
  }

  #show(jobId: string | undefined): void {
    const before = this.jobId();
    this.jobId.set(jobId);
    this.#window.scrollTo({ top: 0, behavior: 'instant' });
    // The keyboard goes back to where it was in the list.
    const focus = (): void => {
      if (jobId === undefined && before !== undefined) this.list()?.focus(before);
    };
    afterNextRender(focus, { injector: this.#injector });
  }

  #jobIdOfAddress(): string | undefined {
    return new URLSearchParams(this.#window.location.search).get('job') ?? undefined;
  }
}
