import {
  afterRenderEffect,
  ChangeDetectionStrategy,
  Component,
  computed,
  DestroyRef,
  DOCUMENT,
  type ElementRef,
  inject,
  input,
  linkedSignal,
  output,
  viewChild,
} from '@angular/core';
import { takeUntilDestroyed, toObservable, toSignal } from '@angular/core/rxjs-interop';
import type { ResultProgress } from 'rxflare/flare/dashboard';
import { concat, type Observable, of, switchMap } from 'rxjs';

import { Confirm, type Question } from '../shared/confirm';
import { formatBytes, formatDate, formatDuration } from '../shared/format';
import { FederationConnection, NOTHING, textOf } from './federation-connection';
import { JobTimeline } from './job-timeline';
import { LineChart, type Series } from './line-chart';
import { LogView } from './log-view';
import { Outcome } from './outcome';
import { formatValue } from './scale';
import { TrainingProgress } from './training-progress';

/** One metric with its lines. */
interface Chart {
  readonly name: string;
  readonly unit: string;
  readonly series: readonly Series[];
}

/** What the page says of an action. */
interface Said {
  /** What is under way, such as `Aborting …`. */
  readonly busy?: string;
  readonly fault?: string;
  readonly notice?: string;
}

/** Says something of an action, unless another job or action has been begun since; returns whether it did. */
type Say = (said: Said) => boolean;

/** One job: how far it is, its metrics, what became of it, its states and its logs. */
@Component({
  selector: 'rxf-job-detail',
  changeDetection: ChangeDetectionStrategy.OnPush,
  imports: [Confirm, JobTimeline, LineChart, LogView, Outcome, TrainingProgress],
  templateUrl: './job-detail.html',
  styleUrl: './job-detail.css',
})
export class JobDetail {
  readonly #connection = inject(FederationConnection);
  readonly #destroyed = inject(DestroyRef);
  readonly #document = inject(DOCUMENT);
  private readonly confirm = viewChild.required(Confirm);
  private readonly log = viewChild(LogView);
  private readonly heading = viewChild<ElementRef<HTMLElement>>('heading');
  private readonly asking = viewChild<ElementRef<HTMLElement>>('asking');

  readonly jobId = input.required<string>();
  readonly closed = output();
  /** A person wants to look at another job. */
  readonly open = output<string>();

  readonly told = toSignal(
    toObservable(this.jobId).pipe(
      switchMap((jobId) => concat(of(NOTHING), this.#connection.watch({ ask: 'job', jobId }))),
    ),
    { initialValue: NOTHING },
  );
  readonly report = computed(() => this.told().value);
  readonly job = computed(() => this.report()?.job);
  readonly training = computed(() => this.report()?.training);
  readonly isLive = computed(() => ['waiting', 'running'].includes(this.job()?.outcome ?? ''));
  readonly canAct = computed(() => this.#connection.backEnd() !== undefined);
  readonly isReadOnly = computed(() => this.#connection.system().value?.isReadOnly !== false);
  readonly durationMs = computed(() => {
    const [job, at] = [this.job(), this.report()?.at ?? 0];
    if (job === undefined || job.durationMs === null) return undefined;
    return job.durationMs + (job.outcome === 'running' ? Math.max(0, this.#connection.now() - at) : 0);
  });
  readonly charts = computed<readonly Chart[]>(() => {
    const charts = new Map<string, { name: string; unit: string; series: Series[] }>();
    for (const { site, name, axis, points } of this.training()?.metrics ?? []) {
      const key = `${axis} ${name}`;
      const chart = charts.get(key) ?? { name, unit: axis, series: [] };
      charts.set(key, chart);
      chart.series.push({
        name: site ?? 'global model',
        isAggregate: site === null,
        points: points.map(([x, y]) => ({ x, y })),
      });
    }
    return [...charts.values()];
  });

  readonly #said = linkedSignal<string, Said>({ source: this.jobId, computation: () => ({}) });
  readonly busy = computed(() => this.#said().busy ?? '');
  readonly fault = computed(() => this.#said().fault ?? '');
  readonly notice = computed(() => this.#said().notice ?? '');

  readonly formatBytes = formatBytes;
  readonly formatDate = formatDate;
  readonly formatDuration = formatDuration;
  readonly formatValue = formatValue;

  constructor() {
    // Who comes from the list by keyboard goes on here.
    afterRenderEffect(() => {
      const target = (this.heading() ?? this.asking())?.nativeElement;
      if (this.#document.activeElement === this.#document.body) target?.focus({ preventScroll: true });
    });
  }

  showLog(site: string): void {
    this.log()?.show(site);
  }

  abort(jobId: string, name: string): void {
    const question: Question = {
      title: `Abort “${name}”?`,
      text: 'The server and all sites stop the job. What a site has trained since its last update is lost, and the job cannot go on later.',
      agree: 'Abort the job',
      decline: 'Let it run',
      isDangerous: true,
    };
    this.confirm().ask(question, () => {
      this.#do('Aborting …', this.#connection.ask({ ask: 'abort', jobId }), ({ text }, say) =>
        say({ notice: text }),
      );
    });
  }

  clone(jobId: string, name: string): void {
    const question: Question = {
      title: `Submit “${name}” again?`,
      text: 'The server makes a new job of the same files. It runs as soon as enough sites can take it.',
      agree: 'Submit it again',
      decline: 'Cancel',
      isDangerous: false,
    };
    this.confirm().ask(question, () => {
      this.#do('Submitting …', this.#connection.ask({ ask: 'clone', jobId }), (job, say) => {
        if (say({})) this.open.emit(job.jobId);
      });
    });
  }

  remove(jobId: string, name: string): void {
    const question: Question = {
      title: `Delete “${name}”?`,
      text: 'The server removes the job with its result and its logs. This cannot be undone.',
      agree: 'Delete the job',
      decline: 'Keep it',
      isDangerous: true,
    };
    this.confirm().ask(question, () => {
      this.#do('Deleting …', this.#connection.ask({ ask: 'delete', jobId }), (_, say) => {
        if (say({})) this.closed.emit();
      });
    });
  }

  download(jobId: string, name: string): void {
    const question: Question = {
      title: `Download the result of “${name}”?`,
      text: 'The back end fetches it from the server, and this browser saves it as one zip: the models, the logs of the server and what the job wrote. It may be large.',
      agree: 'Download',
      decline: 'Cancel',
      isDangerous: false,
    };
    this.confirm().ask(question, () => {
      this.#do('Fetching the result …', this.#connection.ask({ ask: 'download', jobId }), (progress, say) =>
        this.#receive(progress, say),
      );
    });
  }

  #receive(progress: ResultProgress, say: Say): void {
    if (progress.type === 'receiving') {
      say({ busy: `Fetching the result: ${formatBytes(progress.receivedBytes)} …` });
      return;
    }
    const link = this.#document.createElement('a');
    link.href = this.#connection.urlOf(progress.path);
    link.download = progress.fileName;
    link.click();
    say({ notice: `Your browser saves ${progress.fileName}.` });
  }

  #do<T>(busy: string, answers$: Observable<T>, next: (answer: T, say: Say) => void): void {
    if (this.busy() !== '') return;
    let mine: Said = { busy };
    this.#said.set(mine);
    const say: Say = (said) => {
      const isMine = this.#said() === mine;
      if (isMine) this.#said.set((mine = said));
      return isMine;
    };
    // The button that was pressed is disabled now, and may go.
    this.heading()?.nativeElement.focus({ preventScroll: true });
    answers$.pipe(takeUntilDestroyed(this.#destroyed)).subscribe({
      next: (answer) => next(answer, say),
      error: (error: unknown) => say({ fault: textOf(error) }),
      complete: () => say({ ...mine, busy: '' }),
    });
  }
}
