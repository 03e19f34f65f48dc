import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Block } from './blocks.js';
import { Transcript } from './transcript.js';

const PATIENCE_MS = 120_000;

/** A block that is there to be seen. */
export interface Actor {
  /** Waits until it has printed this, and perhaps more. */
  begins(output: string): Promise<void>;
  /** Waits for its end. It must be a good one, after this output where one is given. */
  ends(output: string | undefined): Promise<void>;
  /** Asks it to end, which it must not have done before, and must do well. */
  stop(): Promise<void>;
  /** Ends it, if it is still there. */
  kill(): Promise<void>;
}

/** Those that are not ended yet. They are in groups of their own, so nobody else would end them. */
const running = new Set<Program>();
process.once('exit', () => {
  for (const program of running) program.signal('SIGKILL');
});

/** A block as a process of its own, with those that it starts. */
export class Program implements Actor {
  readonly #block: Block;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #closed: Promise<unknown>;
  readonly #transcript: Transcript;

  constructor(block: Block, [command = '', ...args]: readonly string[], cwd: string, env: NodeJS.ProcessEnv) {
    this.#block = block;
    this.#transcript = new Transcript(block.place);
    // A group of its own, so that a signal reaches all of it.
    this.#child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => this.#transcript.add(text));
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => this.#transcript.addError(text));
    running.add(this);
    this.#closed = once(this.#child, 'close').finally(() => {
      running.delete(this);
      this.#transcript.end();
    });
  }

  begins(output: string): Promise<void> {
    return this.#transcript.begins(output);
  }

  async ends(output: string | undefined): Promise<void> {
    await this.#closedInTime();
    if (this.#child.exitCode !== 0) this.#transcript.fail(`ended with ${this.#end()}, not with 0`);
    if (output !== undefined) this.#transcript.is(output);
  }

  async stop(): Promise<void> {
    if (this.#hasExited()) this.#transcript.fail(`ended with ${this.#end()}, and should go on`);
    this.signal('SIGTERM');
    await this.#closedInTime();
    const { exitCode, signalCode } = this.#child;
    // Python ends by the signal, where a program does not say otherwise.
    const isGood = exitCode === 0 || (this.#block.language === 'python' && signalCode === 'SIGTERM');
    if (!isGood) this.#transcript.fail(`ended with ${this.#end()} after SIGTERM, not with 0`);
  }

  async kill(): Promise<void> {
    if (running.has(this)) this.signal('SIGKILL');
    await this.#closed;
  }

  /** To it and all that it started, as far as they are still there. */
  signal(signal: NodeJS.Signals): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, signal);
    } catch (error) {
      // The last of them may have ended a moment ago.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }

  async #closedInTime(): Promise<void> {
    const late = new AbortController();
    const isLate = sleep(PATIENCE_MS, true, { signal: late.signal });
    if (await Promise.race([isLate, this.#closed.then(() => false)])) {
      await this.kill();
      this.#transcript.fail('did not end');
    }
    late.abort();
  }

  #hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  #end(): string {
    return String(this.#child.exitCode ?? this.#child.signalCode);
  }
}
