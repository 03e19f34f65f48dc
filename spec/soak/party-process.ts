import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

import { filter, firstValueFrom, type Observable, ReplaySubject, Subject, throwIfEmpty, timeout } from 'rxjs';

import type { EndpointState } from '../../lib/index.js';
import { programArgs } from '../support/compiled.js';
import type { Command, PartyConfig, PartyReport, Tidings } from './messages.js';

const ANSWER_MS = 60_000;
const STDERR_KEPT = 8 * 1024;
/** Those of some minutes. */
const LAGS_KEPT = 1_000;

/** None of them outlives a test that failed, not even one that is frozen. */
const living = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

type TidingsOf<T extends Tidings['type']> = Extract<Tidings, { type: T }>;

/** A party in a process of its own, which can be killed, frozen and asked. */
export class PartyProcess implements AsyncDisposable {
  readonly config: PartyConfig;
  /** What it tells from now on. */
  readonly tidings$: Observable<Tidings>;
  /** Its last report, which is all that is left of one that was killed. */
  report: PartyReport = { sent: [], received: [], violations: [], lost: {}, lagMs: 0 };
  /** Remote endpoints as it sees them. */
  readonly states = new Map<string, EndpointState>();
  readonly #lags: { readonly at: number; readonly ms: number }[] = [];
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #tidings = new Subject<Tidings>();
  readonly #started = new ReplaySubject<TidingsOf<'started'>>(1);
  #stderr = '';
  #mayEnd = false;
  #crash: string | undefined;

  /** @param prefix - what to put before the command line, to run it somewhere else */
  constructor(config: PartyConfig, prefix: readonly string[] = []) {
    this.config = config;
    this.tidings$ = this.#tidings.asObservable();
    const node = [process.execPath, '--expose-gc', ...programArgs('soak/party')];
    const line = [...prefix, ...node, JSON.stringify(config)];
    const [command = '', ...args] = line;
    this.#child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#closed = once(this.#child, 'close');
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_KEPT);
    });
    this.#child.on('message', (tidings: Tidings) => this.#hear(tidings));
    this.#child.once('close', (code, signal) => {
      living.delete(this.#child);
      if (!this.#mayEnd) this.#crash = this.#explain(`ended by itself, with ${signal ?? code}`);
      this.#tidings.complete();
      this.#started.complete();
    });
    living.add(this.#child);
  }

  /** Where it listens; resolves when it has started. */
  async started(): Promise<readonly string[]> {
    return (await this.#within(this.#started, 'to start')).urls;
  }

  /** Asks it, and waits for the answer. */
  async ask(command: 'report'): Promise<PartyReport>;
  async ask(command: 'heap'): Promise<number>;
  async ask(command: 'reach'): Promise<readonly string[]>;
  async ask(command: 'report' | 'heap' | 'reach'): Promise<PartyReport | number | readonly string[]> {
    const answer = this.next(command);
    this.tell(command);
    const tidings = await answer;
    if (tidings.type === 'reach') return tidings.failed;
    return tidings.type === 'heap' ? tidings.bytes : tidings.report;
  }

  /** Tells it to do something, if it is there. */
  tell(command: Command): void {
    if (this.#child.connected) this.#child.send(command);
  }

  /** The next news of this kind. */
  next<T extends Tidings['type']>(
    type: T,
    matches: (tidings: TidingsOf<T>) => boolean = () => true,
  ): Promise<TidingsOf<T>> {
    const found$ = this.#tidings.pipe(
      filter((tidings): tidings is TidingsOf<T> => tidings.type === type && matches(tidings as TidingsOf<T>)),
    );
    return this.#within(found$, `to tell ${type}`);
  }

  /** How it ended, where nobody ended it: an unhandled error, say. */
  get crash(): string | undefined {
    return this.#crash;
  }

  /** The last 8 KiB of what it wrote to stderr. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Stops it in good order, by a command or a signal; tells what it left open. */
  async stop(by: 'stop' | 'SIGTERM' = 'stop'): Promise<readonly string[]> {
    const stopped = this.next('stopped');
    this.#mayEnd = true;
    if (by === 'stop') this.tell(by);
    else this.#child.kill(by);
    const { report, handles } = await stopped;
    this.report = report;
    await this.#closed;
    return handles;
  }

  /** Ends it without a farewell. */
  async kill(): Promise<void> {
    this.#mayEnd = true;
    this.#child.kill('SIGKILL');
    await this.#closed;
  }

  /** Stops its clock: nothing in it runs until {@link PartyProcess.thaw}. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  /** Lets it run again. */
  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  /** How late its timers came, in all, from then on. */
  lagSince(time: number): number {
    return this.#lags.filter(({ at }) => at >= time).reduce((sum, { ms }) => sum + ms, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #hear(tidings: Tidings): void {
    if (tidings.type === 'started') this.#started.next(tidings);
    if (tidings.type === 'report') {
      this.report = tidings.report;
      this.#lags.push({ at: Date.now(), ms: tidings.report.lagMs });
      if (this.#lags.length > LAGS_KEPT) this.#lags.shift();
    }
    if (tidings.type === 'endpoint') this.states.set(tidings.name, tidings.state);
    this.#tidings.next(tidings);
  }

  #within<T>(source$: Observable<T>, what: string): Promise<T> {
    const fail = (reason: string): never => {
      throw new Error(this.#explain(`${reason} ${what}`));
    };
    const limited$ = source$.pipe(
      throwIfEmpty(() => fail('ended before it came')),
      timeout({ first: ANSWER_MS, with: () => fail(`waited ${ANSWER_MS} ms in vain for it`) }),
    );
    return firstValueFrom(limited$);
  }

  #explain(problem: string): string {
    const { name, run } = this.config;
    return `${name} run ${run}: ${problem}\n${this.#stderr}`;
  }
}
