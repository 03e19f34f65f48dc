import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { filter, firstValueFrom, ReplaySubject } from 'rxjs';

const LINES_KEPT = 5_000;
/** In the environment of a program, and so of all that it starts, also of what is left of parents that ended. */
const MARK = 'RXFLARE_PROGRAM';

/** A Python program whose output is read line by line. It is ended with all processes that it started. */
export class PythonProcess implements AsyncDisposable {
  readonly #mark = `${MARK}=${randomUUID()}`;
  readonly #process: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #line$ = new ReplaySubject<string>(LINES_KEPT);
  readonly #lines: string[] = [];

  constructor(python: string, args: readonly string[], cwd: string) {
    // Into one pipe, since a version logs to either.
    const command = ['-c', 'exec "$0" "$@" 2>&1', python, '-u', ...args];
    const [name = '', value] = this.#mark.split('=');
    const env = { ...process.env, [name]: value };
    const child = spawn('/bin/sh', command, { cwd, env, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#process = child;
    this.#closed = once(child, 'close').finally(() => this.#line$.complete());
    // A dead child is noticed by its closing, not by a failed write.
    child.stdin.on('error', () => undefined);
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#lines.push(line);
      if (this.#lines.length > LINES_KEPT) this.#lines.shift();
      this.#line$.next(line);
    });
  }

  /** What it printed last. */
  get log(): string {
    return this.#lines.join('\n');
  }

  /** Writes a line to its standard input. */
  write(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }

  /** The first line, past or future, that matches. */
  async line(pattern: RegExp): Promise<string> {
    const matching$ = this.#line$.pipe(filter((each) => pattern.test(each)));
    const line = await firstValueFrom(matching$, { defaultValue: undefined });
    if (line === undefined) throw new Error(`ended before it printed ${pattern}\n${this.log}`);
    return line;
  }

  /** Ends it and all that it started, whoever is their parent now, before this returns and without a farewell. */
  killAtOnce(): void {
    // All are stopped before any ends: one that runs may start another meanwhile.
    const stopped = new Set<number>();
    for (;;) {
      const found = processesWith(this.#mark).filter((each) => !stopped.has(each));
      if (found.length === 0) break;
      for (const each of found) {
        signal(each, 'SIGSTOP');
        stopped.add(each);
      }
    }
    for (const each of stopped) signal(each, 'SIGKILL');
  }

  /** As {@link PythonProcess.killAtOnce}, and waits for its end. */
  async kill(): Promise<void> {
    this.killAtOnce();
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** The processes that have this in their environment: `e` shows it behind the command. */
function processesWith(mark: string): number[] {
  const table = execFileSync('ps', ['axeww', '-o', 'pid=,command='], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  return table
    .split('\n')
    .filter((line) => line.includes(mark))
    .map((line) => Number.parseInt(line, 10));
}

function signal(pid: number, name: 'SIGSTOP' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
