import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { programArgs } from '../support/compiled.js';
import type { HubReport, HubSettings } from './hub-program.js';

/** How often a hub is asked until its report is as expected. */
const ASK_EVERY_MS = 50;

/** A hub in a process of its own: its memory is that of the hub alone, and what kills it does not kill the test. */
export class HubProcess implements AsyncDisposable {
  /** The first that it listens at. */
  readonly url: string;
  /** When it had just started. */
  readonly first: HubReport;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, first: HubReport) {
    this.#child = child;
    this.first = first;
    this.url = first.urls[0] ?? '';
  }

  /** Resolves when it listens. */
  static async start(settings: HubSettings, maxFiles?: number): Promise<HubProcess> {
    const program = programArgs('adversary/hub-program');
    const node = [process.execPath, '--expose-gc', ...program, JSON.stringify(settings)];
    const [command = '', ...args] =
      maxFiles === undefined ? node : ['sh', '-c', `ulimit -n ${maxFiles}; exec "$0" "$@"`, ...node];
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('close', () => stderr !== '' && console.error(stderr));
    return new HubProcess(child, await reportOf(child));
  }

  /** What it says of itself now. Rejects when it has died. */
  async look(): Promise<HubReport> {
    const report = reportOf(this.#child);
    this.#child.send('look');
    return report;
  }

  /** Asks until the report is as expected. The limit of time is that of the test. */
  async until(isExpected: (report: HubReport) => boolean): Promise<HubReport> {
    for (;;) {
      const report = await this.look();
      if (isExpected(report)) return report;
      await sleep(ASK_EVERY_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
  }
}

/** The next report of a hub. */
async function reportOf(child: ChildProcess): Promise<HubReport> {
  const abort = new AbortController();
  const died = once(child, 'close', { signal: abort.signal }).then(([code]) => {
    throw new Error(`the hub has ended with exit code ${String(code)}`);
  });
  died.catch(() => undefined);
  try {
    const [report] = (await Promise.race([once(child, 'message', { signal: abort.signal }), died])) as [
      HubReport,
    ];
    return report;
  } finally {
    abort.abort();
  }
}
