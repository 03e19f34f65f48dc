import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { EMPTY, filter, firstValueFrom, ReplaySubject, timeout } from 'rxjs';

import { programArgs } from './compiled.js';

const EVENTS_KEPT = 10_000;

/** One line of `--json` output. */
export type RxflareEvent = Readonly<Record<string, unknown>>;

/** How a command ended, with everything that it printed. */
export interface RxflareResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The `rxflare` command as a process of its own, from the sources. */
export class RxflareProcess implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #closed: Promise<unknown>;
  readonly #events = new ReplaySubject<RxflareEvent>(EVENTS_KEPT);
  #stdout = '';
  #stderr = '';

  constructor(...args: readonly string[]) {
    this.#child = spawn(process.execPath, [...programArgs('cli/main'), ...args]);
    this.#closed = once(this.#child, 'close');
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.#stdout += `${line}\n`;
      // One that is killed may leave half a line.
      if (/^\{.*\}$/.test(line)) this.#events.next(JSON.parse(line) as RxflareEvent);
    });
  }

  /** Runs a command to its end. */
  static async run(...args: readonly string[]): Promise<RxflareResult> {
    const command = new RxflareProcess(...args);
    command.#child.stdin.end();
    return command.ended();
  }

  /** The first event that matches, past or future. */
  async next(matches: (event: RxflareEvent) => boolean, timeoutMs = 50_000): Promise<RxflareEvent> {
    const event$ = this.#events.pipe(filter(matches), timeout({ first: timeoutMs, with: () => EMPTY }));
    const event = await firstValueFrom(event$, { defaultValue: undefined });
    if (event === undefined) {
      throw new Error(`waited in vain for ${matches.toString()}\n${this.#stdout}\n${this.#stderr}`);
    }
    return event;
  }

  /** Writes a line to its standard input. */
  write(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Ends its standard input. */
  endInput(): void {
    this.#child.stdin.end();
  }

  /** Closes the pipe to one of its outputs, as `head` does when it has its lines. */
  closeOutput(name: 'stdout' | 'stderr'): void {
    this.#child[name].destroy();
  }

  /** Asks it to end as a service manager does, or with SIGINT as a user does. */
  async stop(signal: 'SIGTERM' | 'SIGINT' = 'SIGTERM'): Promise<RxflareResult> {
    this.#child.kill(signal);
    return this.ended();
  }

  /** What it has written to standard output so far. */
  get stdout(): string {
    return this.#stdout;
  }

  /** Sends a signal, and does not wait for its end. */
  signal(signal: 'SIGUSR2' | 'SIGSTOP' | 'SIGTERM'): void {
    this.#child.kill(signal);
  }

  /** Ends it without a farewell. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended();
  }

  /** Waits for its end. */
  async ended(): Promise<RxflareResult> {
    await this.#closed;
    return { exitCode: this.#child.exitCode, stdout: this.#stdout, stderr: this.#stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
