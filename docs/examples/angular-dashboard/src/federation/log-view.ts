import {
  afterRenderEffect,
  ChangeDetectionStrategy,
  Component,
  computed,
  type ElementRef,
  inject,
  input,
  linkedSignal,
  signal,
  viewChild,
} from '@angular/core';
import { toObservable, toSignal } from '@angular/core/rxjs-interop';
import { concat, of, scan, switchMap } from 'rxjs';

import { FederationConnection, NOTHING } from './federation-connection';
import { added, EMPTY_LOG, linesOf } from './log-lines';

/** The log of a job as the server and its sites write it: live, in bounded length, with a search. */
@Component({
  selector: 'rxf-log-view',
  changeDetection: ChangeDetectionStrategy.OnPush,
  host: { class: 'card' },
  templateUrl: './log-view.html',
  styleUrl: './log-view.css',
})
export class LogView {
  readonly #connection = inject(FederationConnection);
  private readonly box = viewChild<ElementRef<HTMLElement>>('box');
  private readonly heading = viewChild.required<ElementRef<HTMLElement>>('heading');

  readonly jobId = input.required<string>();
  /** Whose logs there are, with the server first. */
  readonly participants = input.required<readonly string[]>();
  /** Whether the job goes on, and its log with it. */
  readonly isLive = input.required<boolean>();

  readonly site = linkedSignal<readonly string[], string>({
    source: this.participants,
    computation: (names, before) =>
      before !== undefined && names.includes(before.value) ? before.value : (names[0] ?? 'server'),
  });
  readonly isFollowed = signal(true);
  #scrolledTo = 0;
  readonly search = signal('');
  readonly #question = computed(() => ({ jobId: this.jobId(), site: this.site() }), {
    equal: (a, b) => a.jobId === b.jobId && a.site === b.site,
  });
  readonly told = toSignal(
    toObservable(this.#question).pipe(
      switchMap(({ jobId, site }) =>
        concat(
          of(NOTHING),
          this.#connection.watchThrough({ ask: 'log', jobId, site }, (parts$) =>
            parts$.pipe(scan(added, EMPTY_LOG)),
          ),
        ),
      ),
    ),
    { initialValue: NOTHING },
  );
  readonly log = computed(() => this.told().value);
  readonly #all = computed(() => linesOf(this.log() ?? EMPTY_LOG));
  readonly #wanted = computed(() => this.search().toLowerCase());
  readonly lines = computed(() => {
    const [lines, wanted] = [this.#all(), this.#wanted()];
    return wanted === '' ? lines : lines.filter(({ text }) => text.toLowerCase().includes(wanted));
  });
  readonly tally = computed(() => {
    const [lines, isCut] = [this.#all().length, this.log()?.isCut ?? false];
    const all = `${isCut ? 'the last ' : ''}${lines.toLocaleString('en')} ${lines === 1 ? 'line' : 'lines'}`;
    return this.search() === '' ? all : `${this.lines().length.toLocaleString('en')} of ${all}`;
  });

  constructor() {
    afterRenderEffect(() => {
      this.lines();
      const box = this.box()?.nativeElement;
      if (box !== undefined && this.isFollowed()) box.scrollTop = box.scrollHeight;
    });
  }

  /** Shows the log of a site, and takes the keyboard there. */
  show(site: string): void {
    this.site.set(site);
    this.heading().nativeElement.focus();
    this.heading().nativeElement.scrollIntoView({ block: 'start' });
  }

  /** Who scrolls back wants to read: the log stays where it is, until the end is in sight again. */
  scrolled(box: HTMLElement): void {
    const isBack = box.scrollTop < this.#scrolledTo;
    this.#scrolledTo = box.scrollTop;
    if (box.scrollHeight - box.scrollTop - box.clientHeight < 8) this.isFollowed.set(true);
    else if (isBack) this.isFollowed.set(false);
  }

  /** Goes from log to log by key. */
  press(event: KeyboardEvent): void {
    const [names, place] = [this.participants(), this.participants().indexOf(this.site())];
    const target = {
      ArrowRight: (place + 1) % names.length,
      ArrowLeft: (place - 1 + names.length) % names.length,
      Home: 0,
      End: names.length - 1,
    }[event.key];
    const name = target === undefined ? undefined : names[target];
    if (name === undefined || !(event.currentTarget instanceof HTMLElement)) return;
    event.preventDefault();
    this.site.set(name);
    event.currentTarget.querySelectorAll<HTMLElement>('[role=tab]')[target ?? 0]?.focus();
  }

  /** A line in parts, of which every second is what was looked for. */
  parts(text: string): readonly string[] {
    const wanted = this.#wanted();
    if (wanted === '') return [text];
    const [lower, parts] = [text.toLowerCase(), [] as string[]];
    let from = 0;
    for (let at = lower.indexOf(wanted); at !== -1; at = lower.indexOf(wanted, from)) {
      parts.push(text.slice(from, at), text.slice(at, at + wanted.length));
      from = at + wanted.length;
    }
    return [...parts, text.slice(from)];
  }
}
