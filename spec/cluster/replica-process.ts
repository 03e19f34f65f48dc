import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

import { programArgs } from '../support/compiled.js';
import type { ReplicaReport, ReplicaSettings } from './replica-program.js';

/** A replica in a process of its own, which can be killed and frozen. */
export class ReplicaProcess implements AsyncDisposable {
  /** When it had just started. */
  readonly first: ReplicaReport;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, first: ReplicaReport) {
    this.#child = child;
    this.first = first;
  }

  /** Resolves when it has joined, and listens. */
  static async start(settings: ReplicaSettings): Promise<ReplicaProcess> {
    const args = [...programArgs('cluster/replica-program'), JSON.stringify(settings)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    return new ReplicaProcess(child, await reportOf(child));
  }

  /** What it says of itself now. */
  look(): Promise<ReplicaReport> {
    return this.#ask('look');
  }

  /** Stops it in good order. */
  stop(): Promise<ReplicaReport> {
    return this.#ask('stop');
  }

  /** Sends it a signal: `SIGSTOP` freezes it, `SIGCONT` ends that. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal);
  }

  /** Kills it; it has no time to say anything. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #ask(what: string): Promise<ReplicaReport> {
    const report = reportOf(this.#child);
    this.#child.send(what);
    return report;
  }
}

async function reportOf(child: ChildProcess): Promise<ReplicaReport> {
  const abort = new AbortController();
  const { signal } = abort;
  const died = once(child, 'close', { signal }).then(([code]) => {
    throw new Error(`the replica has ended with exit code ${String(code)}`);
  });
  died.catch(() => undefined);
  try {
    const [report] = (await Promise.race([once(child, 'message', { signal }), died])) as [ReplicaReport];
    return report;
  } finally {
    abort.abort();
  }
}
