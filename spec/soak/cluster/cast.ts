import { interval, Subscription } from 'rxjs';

import { pythonAvailable } from '../../support/python.js';
import type { Run } from '../ledger.js';
import { APP, APP_EVERY, APP_ONE, type PartyConfig } from '../messages.js';
import { Member, runCounter } from './member.js';
import { NvflareSite } from './nvflare-site.js';
import type { ReplicaPlace, Stage } from './stage.js';

/** The name of all replicas: that of NVFlare's hub, so that cells find their ways. */
export const HUB = 'server';

const TWIN = 'twin';
/** The sites that have a cell: streams and broadcasts of all would be most of the traffic. */
const CELLS = 3;
const NVFLARE_EVERY_MS = 100;
/** From the start of a process until it connects. */
const TWINS_START_MS = 2_000;

/** What the cast is made with. */
export interface CastOptions {
  readonly seed: number;
  readonly sites: number;
  readonly replicaTimeoutMs: number;
  /** Silence after which a site or a replica pings the other, and again after which it gives it up. */
  readonly heartbeatMs: number;
  /** How late something may be that has a time, beside what the load of the machine explains. */
  readonly marginMs: number;
}

/** The replicas, and the sites that they serve. */
export class Cast implements AsyncDisposable {
  readonly replicas: readonly Member[];
  readonly sites: readonly Member[];
  readonly #options: CastOptions;
  readonly #stage: Stage;
  readonly #twins: Member[] = [];
  readonly #nextReplicaRun = runCounter();
  readonly #nextTwinRun = runCounter();
  readonly #work = new Subscription();
  #nvflare: NvflareSite | undefined;
  #isPaused = false;

  constructor(options: CastOptions, stage: Stage) {
    this.#options = options;
    this.#stage = stage;
    this.replicas = stage.replicas.map((place, index) => this.addReplica(place, index));
    this.sites = Array.from({ length: options.sites }, (_, index) => this.#siteOf(index));
  }

  /** Resolves when all processes have started. */
  async started(): Promise<void> {
    await Promise.all([...this.replicas, ...this.sites].map(({ process }) => process.started()));
  }

  /** Adds a site of NVFlare. @returns why that cannot be; empty where it is there */
  async addNvflare(): Promise<string> {
    if (!pythonAvailable()) return 'python3 with the venv module is not on the PATH';
    const { seed } = this.#options;
    const { balancerUrl: url, sites } = this.#stage;
    const site = await NvflareSite.start('nvflare', { hub: HUB, url }, seed, sites);
    this.#nvflare = site;
    this.#work.add(
      interval(NVFLARE_EVERY_MS).subscribe(() => {
        if (!this.#isPaused) void site.sendOne();
      }),
    );
    return '';
  }

  /** All processes so far. */
  get runs(): readonly Run[] {
    return [...this.#members.flatMap(({ runs }) => runs), ...(this.#nvflare?.runs ?? [])];
  }

  /** What must not be: processes that ended by themselves, and what they wrote to stderr. */
  get crashes(): readonly string[] {
    return this.#members.flatMap(({ crashes }) => crashes);
  }

  /** The sites that must be READY now. */
  get names(): readonly string[] {
    return [...this.sites, ...this.#twins].filter(({ isThere }) => isThere).map(({ name }) => name);
  }

  /** And those that may be away for long: NVFlare waits before it connects again. */
  get namesWithNvflare(): readonly string[] {
    return this.#nvflare === undefined ? this.names : [...this.names, this.#nvflare.name];
  }

  /** The members that have a cell. */
  get cells(): readonly Member[] {
    return [...this.replicas, ...this.sites.slice(0, CELLS)];
  }

  /** Has all say where they stand. */
  async report(): Promise<void> {
    await Promise.all(this.#running.map(({ process }) => process.ask('report')));
  }

  /** Lets nobody send, or all again. */
  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    for (const { process } of this.#running) process.tell(isPaused ? 'pause' : 'resume');
  }

  /** Starts a replica that others do not know yet. */
  addReplica({ url, prefix }: Pick<ReplicaPlace, 'url' | 'prefix'>, index: number): Member {
    const { replicaTimeoutMs } = this.#options;
    const cluster = { server: this.#stage.nats.address, name: 'soak', replicaTimeoutMs };
    const relayed = [APP_ONE, APP_EVERY];
    const config = { ...this.#config(HUB, index), listen: [url], cluster, relayed, asks: this.#asks };
    return new Member(config, prefix, this.#nextReplicaRun);
  }

  /** Starts two sites of one name, which connect at the same moment, each to a replica of its own. */
  async startTwins(urls: readonly string[]): Promise<void> {
    const startAt = Date.now() + TWINS_START_MS;
    const twins = urls.map((url, index) => {
      const seeds = this.replicas.length + this.sites.length + this.#twins.length + index;
      const config = { ...this.#siteConfig(TWIN, seeds, url), startAt };
      return new Member(config, this.#stage.sites, this.#nextTwinRun);
    });
    this.#twins.push(...twins);
    await Promise.all(twins.map(({ process }) => process.started()));
  }

  /** Kills the last one of the twins. */
  async killTwin(): Promise<void> {
    await this.#twins.at(-1)?.kill();
  }

  /** Stops the twins that are there in good order; tells what they left open. */
  async stopTwins(): Promise<readonly string[]> {
    const stopped = this.#twins.filter(({ isThere }) => isThere).map((twin) => twin.stop());
    return (await Promise.all(stopped)).flat();
  }

  /** Stops all in good order, sites first; tells what they left open. */
  async stop(): Promise<readonly string[]> {
    const handles = await Promise.all(this.sites.map((site) => site.stop('stop')));
    for (const replica of this.replicas) handles.push(await replica.stop());
    return handles.flat();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#work.unsubscribe();
    await Promise.all(this.#members.map((member) => member[Symbol.asyncDispose]()));
    await this.#nvflare?.[Symbol.asyncDispose]();
  }

  get #members(): readonly Member[] {
    return [...this.replicas, ...this.sites, ...this.#twins];
  }

  get #running(): readonly Member[] {
    return this.#members.filter(({ isThere }) => isThere);
  }

  get #asks(): readonly string[] {
    return [HUB, ...Array.from({ length: CELLS }, (_, index) => siteName(index)), 'gone'];
  }

  #siteOf(index: number): Member {
    const seeds = this.replicas.length + index;
    const config = this.#siteConfig(siteName(index), seeds, this.#stage.balancerUrl);
    const asks = index < CELLS ? { asks: this.#asks } : {};
    return new Member({ ...config, ...asks }, this.#stage.sites, runCounter());
  }

  #siteConfig(name: string, index: number, url: string): Omit<PartyConfig, 'run'> {
    const sends = [APP, APP_ONE, APP_EVERY];
    return { ...this.#config(name, index), connect: [url], sendTo: [HUB], sends, relayed: [APP] };
  }

  #config(name: string, index: number): Omit<PartyConfig, 'run'> {
    const { seed, heartbeatMs, marginMs } = this.#options;
    const ways = { listen: [], connect: [], sendTo: [] };
    return { name, seed: seed * 100 + index, heartbeatMs, marginMs, ...ways };
  }
}

/** The name of a site, by its number from 0. */
export function siteName(index: number): string {
  return `site-${index + 1}`;
}
