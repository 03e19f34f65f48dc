import { filter, firstValueFrom, merge, startWith, timeout } from 'rxjs';

import { EndpointState } from '../../lib/index.js';
import { FaultProxy } from '../faults/fault-proxy.js';
import type { Run } from './ledger.js';
import type { PartyConfig } from './messages.js';
import { PartyProcess } from './party-process.js';

const READY_MS = 30_000;

/** A place at the table: a name with its own way to its parent, and the processes that take it one after the other. */
export class Site implements AsyncDisposable {
  readonly name: string;
  readonly proxy: FaultProxy;
  readonly #parent: () => PartyProcess;
  #config: PartyConfig;
  readonly #past: Run[] = [];
  #process: PartyProcess;
  #last: Promise<void> = Promise.resolve();

  private constructor(proxy: FaultProxy, parent: () => PartyProcess, config: PartyConfig) {
    this.name = config.name;
    this.proxy = proxy;
    this.#parent = parent;
    this.#config = { ...config, connect: [proxy.url] };
    this.#process = new PartyProcess(this.#config);
  }

  /** Starts the first process, with a proxy of its own before that of the parent that lives. */
  static async start(parentUrl: string, parent: () => PartyProcess, config: PartyConfig): Promise<Site> {
    const site = new Site(await FaultProxy.listen(parentUrl, config.seed), parent, config);
    try {
      // The next processes listen there again.
      site.#config = { ...site.#config, listen: await site.#process.started() };
      return site;
    } catch (error) {
      await site[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Where its processes listen. */
  get urls(): readonly string[] {
    return this.#config.listen;
  }

  /** The process that it is connected to. */
  get parent(): PartyProcess {
    return this.#parent();
  }

  get process(): PartyProcess {
    return this.#process;
  }

  /** All processes so far, the live one last. */
  get runs(): readonly Run[] {
    return [...this.#past, { ...this.#run(), wasKilled: false, endedWell: true }];
  }

  /** Does things one after the other. */
  queue(work: () => Promise<void>): void {
    this.#last = this.#last.then(work);
    // Whoever waits for `idle` hears of it.
    this.#last.catch(() => undefined);
  }

  /** Resolves when everything queued is done. */
  idle(): Promise<void> {
    return this.#last;
  }

  /** Whether the site and its parent both see the other READY. */
  get isReady(): boolean {
    return (
      this.parent.states.get(this.name) === EndpointState.READY &&
      this.#process.states.get(this.parent.config.name) === EndpointState.READY
    );
  }

  /** Resolves when they do. */
  async ready(): Promise<void> {
    const fail = (): never => {
      throw new Error(`${this.name}: not READY within ${READY_MS} ms`);
    };
    await firstValueFrom(
      merge(this.parent.tidings$, this.#process.tidings$).pipe(
        startWith(undefined),
        filter(() => this.isReady),
        timeout({ first: READY_MS, with: fail }),
      ),
    );
  }

  /** Ends the process without a farewell. */
  async kill(): Promise<void> {
    await this.#process.kill();
    this.#past.push({ ...this.#run(), wasKilled: true, endedWell: false });
  }

  /** Stops the process in good order; tells what it left open. */
  async stop(): Promise<readonly string[]> {
    const handles = await this.#process.stop();
    this.#past.push({ ...this.#run(), wasKilled: false, endedWell: true });
    return handles;
  }

  /** Starts the next process. */
  async restart(): Promise<void> {
    const run = this.#process.config.run + 1;
    this.#process = new PartyProcess({ ...this.#config, run, seed: this.#config.seed + run });
    await this.#process.started();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.kill();
    await this.proxy[Symbol.asyncDispose]();
  }

  #run(): Pick<Run, 'name' | 'run' | 'report'> {
    const { config, report } = this.#process;
    return { name: config.name, run: config.run, report };
  }
}
