import type { Run } from '../ledger.js';
import type { PartyConfig } from '../messages.js';
import { PartyProcess } from '../party-process.js';

/** A replica or a site: the processes that take its place one after the other. */
export class Member implements AsyncDisposable {
  readonly #config: Omit<PartyConfig, 'run'>;
  readonly #prefix: readonly string[];
  readonly #nextRun: () => number;
  readonly #past: PartyProcess[] = [];
  readonly #ends = new Map<PartyProcess, Pick<Run, 'wasKilled'>>();
  #process: PartyProcess;

  /**
   * Starts the first process.
   *
   * @param prefix - what to put before its command line
   * @param nextRun - of all members of the same name
   */
  constructor(config: Omit<PartyConfig, 'run'>, prefix: readonly string[], nextRun: () => number) {
    this.#config = config;
    this.#prefix = prefix;
    this.#nextRun = nextRun;
    this.#process = this.#spawn();
  }

  get name(): string {
    return this.#config.name;
  }

  /** The one that runs, or ran last. */
  get process(): PartyProcess {
    return this.#process;
  }

  /** Whether it runs. */
  get isThere(): boolean {
    return !this.#ends.has(this.#process);
  }

  /** All processes so far. */
  get runs(): readonly Run[] {
    return this.#all.map((process) => {
      const { config, report } = process;
      const end = this.#ends.get(process);
      const endedWell = end === undefined;
      return {
        name: config.name,
        run: config.run,
        report,
        endedWell,
        hasEnded: end !== undefined,
        wasKilled: end?.wasKilled ?? false,
      };
    });
  }

  /** What must not be: processes that ended by themselves, and what they wrote to stderr. */
  get crashes(): readonly string[] {
    return this.#all.flatMap(({ config, crash, stderr }) => {
      if (crash !== undefined) return [crash];
      return stderr === '' ? [] : [`${config.name} run ${config.run} writes to stderr: ${stderr}`];
    });
  }

  /** Ends the process without a farewell. */
  async kill(): Promise<void> {
    this.#ends.set(this.#process, { wasKilled: true });
    await this.#process.kill();
  }

  /** Stops it in good order; tells what it left open. */
  async stop(by: 'stop' | 'SIGTERM' = 'SIGTERM'): Promise<readonly string[]> {
    const handles = await this.#process.stop(by);
    this.#ends.set(this.#process, { wasKilled: false });
    return handles.map((handle) => `${this.name} run ${this.#process.config.run}: ${handle}`);
  }

  /** Starts the next process; resolves when it has started. */
  async restart(): Promise<void> {
    this.#past.push(this.#process);
    this.#process = this.#spawn();
    await this.#process.started();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.kill();
  }

  get #all(): readonly PartyProcess[] {
    return [...this.#past, this.#process];
  }

  #spawn(): PartyProcess {
    const run = this.#nextRun();
    const { seed } = this.#config;
    return new PartyProcess({ ...this.#config, run, seed: seed * 1000 + run }, this.#prefix);
  }
}

/** Counts the runs of one name. */
export function runCounter(): () => number {
  let runs = 0;
  return () => (runs += 1);
}
