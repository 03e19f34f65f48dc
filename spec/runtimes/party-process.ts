import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { programArgs } from '../support/compiled.js';
import type { PartyOrder } from './roles.js';

/** A party that another runtime runs. */
export class PartyProcess implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly #closed: Promise<unknown>;
  #stderr = '';

  /** @param runtime - its command line, up to the program */
  constructor([command = '', ...args]: readonly string[], order: PartyOrder) {
    const [program = ''] = programArgs('runtimes/party').slice(-1);
    this.#child = spawn(command, [...args, program, JSON.stringify(order)]);
    this.#closed = once(this.#child, 'close');
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** The next that it prints. */
  async next(): Promise<Readonly<Record<string, unknown>>> {
    const line = await this.#lines.next();
    if (line.done === true) throw new Error(`it printed nothing more\n${this.#stderr}`);
    return JSON.parse(line.value) as Readonly<Record<string, unknown>>;
  }

  /** Asks a hub to stop. */
  stop(): void {
    this.#child.stdin.end('stop\n');
  }

  /** How it ended by itself: its exit code, and what it complained of. */
  async ended(): Promise<{ exitCode: number | null; stderr: string }> {
    await this.#closed;
    return { exitCode: this.#child.exitCode, stderr: this.#stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}
