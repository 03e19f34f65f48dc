import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

interface Answer {
  readonly value?: unknown;
  readonly error?: string;
}

/** Options and environment of a Node process. */
export interface NodeStart {
  readonly execArgv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A process of its own that answers one request after the other; its side of it is {@link answerRequests}. */
export class Child<Request extends object> {
  readonly #process: ChildProcess;
  readonly #exited: Promise<never>;

  /** @param start - how Node is started, beside the usual */
  constructor(module: URL, { execArgv, env }: NodeStart = {}) {
    this.#process = fork(module, {
      execArgv: [...process.execArgv, ...(execArgv ?? [])],
      env: { ...process.env, ...env },
    });
    this.#exited = once(this.#process, 'exit').then(() => {
      throw new Error(`${module.pathname} ended`);
    });
    this.#exited.catch(() => undefined); // Told to whoever asks.
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /**
   * Asks for something.
   *
   * @throws Error with what went wrong there
   */
  async ask<Value>(request: Request): Promise<Value> {
    if (this.#process.connected) this.#process.send(request);
    const [answer] = (await Promise.race([once(this.#process, 'message'), this.#exited])) as [Answer];
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.value as Value;
  }

  /** Kills it; it has no time to say anything. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited.catch(() => undefined);
  }

  /** Lets it go, and waits until it has gone. */
  async end(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect();
    await this.#exited.catch(() => undefined);
  }
}

/** Answers the requests of the parent process; ends with it. */
export function answerRequests(perform: (request: never) => Promise<unknown>): void {
  process.on('message', (request) => {
    void perform(request as never)
      .then((value): Answer => ({ value }))
      .catch((error: unknown): Answer => ({
        error: error instanceof Error ? (error.stack ?? '') : String(error),
      }))
      .then((answer) => process.connected && process.send?.(answer));
  });
  // A parent that failed leaves nobody behind.
  process.once('disconnect', () => process.exit());
}
