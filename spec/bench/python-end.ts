import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { nvflarePython } from '../support/python.js';

/** The NVFlare that is compared with. */
export const VERSION = '2.9.0';

/** One end of the benchmark in Python, driven by JSON lines. */
export class PythonEnd {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: NodeJS.AsyncIterator<string>;

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    child.stderr.resume();
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** Starts a script, and waits until it says so. */
  static async start(script: URL, ...args: readonly string[]): Promise<PythonEnd> {
    const end = new PythonEnd(spawn(await nvflarePython(VERSION), [fileURLToPath(script), ...args]));
    await end.#next();
    return end;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Has something measured; the seconds that it took. */
  async ask(command: object): Promise<number[]> {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    return (JSON.parse(await this.#next()) as { seconds: number[] }).seconds;
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
  }

  async #next(): Promise<string> {
    const { value, done } = (await this.#lines.next()) as IteratorResult<string, undefined>;
    if (done === true) throw new Error('the NVFlare process ended');
    return value;
  }
}
