import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { filter, firstValueFrom, ReplaySubject } from 'rxjs';

const LINES_KEPT = 5_000;

/** A Python program whose output is read line by line. It is ended with all processes that it started. */
export class PythonProcess implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #line$ = new ReplaySubject<string>(LINES_KEPT);
  readonly #lines: string[] = [];

  constructor(python: string, args: readonly string[], cwd: string) {
    // Into one pipe, since a version logs to either.
    const command = ['-c', 'exec "$0" "$@" 2>&1', python, '-u', ...args];
    const child = spawn('/bin/sh', command, { cwd, stdio: ['pipe', 'pipe', 'inherit'] });
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

  /** Ends it and its descendants, which may have sessions of their own, before this returns and without a farewell. */
  killAtOnce(): void {
    const { pid, exitCode, signalCode } = this.#process;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    // All are stopped before any ends: one that runs may start another, which nobody would find without its parent.
    const stopped = new Set<number>();
    for (let found = [pid]; found.length > 0; found = descendants(pid).filter((each) => !stopped.has(each)))
      for (const each of found) {
        signal(each, 'SIGSTOP');
        stopped.add(each);
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

/** The processes below one, told by the table of all. */
function descendants(root: number): number[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  const children = new Map<number, number[]>();
  for (const line of table.trim().split('\n')) {
    const [pid = 0, parent = 0] = line.trim().split(/\s+/).map(Number);
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const below = (pid: number): number[] =>
    (children.get(pid) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(root);
}

function signal(pid: number, name: 'SIGSTOP' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
