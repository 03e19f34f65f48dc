import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { interval, Subscription } from 'rxjs';

import { messageOf } from '../../../lib/comm-error.js';
import { pythonAvailable } from '../../support/python.js';
import { handlesSince } from '../handles.js';
import { type Account, balance, type Run } from '../ledger.js';
import { APP, APP_EVERY, APP_ONE, type PartyConfig, type ReplicaView } from '../messages.js';
import { SchedulingDelay } from '../scheduling-delay.js';
import { disagreements } from './disagreements.js';
import { LiveConnections } from './live-connections.js';
import { lossesSince, stillSilent } from './losses.js';
import { Member, runCounter } from './member.js';
import { NvflareSite } from './nvflare-site.js';
import { type Fault, KINDS, planRounds, type Round } from './rounds.js';
import { makeStage, type ReplicaPlace, type Stage } from './stage.js';

/** How long, and with how many. */
export interface ClusterSoakOptions {
  /** Rounds begin in this time. */
  readonly seconds: number;
  readonly seed: number;
  readonly sites: number;
  /** Whether a site of NVFlare is among them, where Python is there. */
  readonly nvflare: boolean;
  readonly replicaTimeoutMs: number;
  /** Silence after which a site or a replica pings the other, and again after which it gives it up. */
  readonly heartbeatMs: number;
  /** How late something may be that has a time, beside what the load of the machine explains. */
  readonly marginMs: number;
  /** Ends after so many rounds. Default: when the time is over. */
  readonly rounds?: number;
  readonly progress: (line: string) => void;
}

/** What was seen. */
export interface ClusterSoakResult {
  readonly seed: number;
  readonly account: Account;
  /** How often each fault was done. */
  readonly faults: Readonly<Record<string, number>>;
  /** What could not be done here, and why. */
  readonly skipped: readonly string[];
  /** From when nothing was wrong any more, until all replicas agreed, and until all heard all. */
  readonly agreedMs: readonly number[];
  readonly heardMs: readonly number[];
  /** What waited at the replica that an endpoint had left, and came behind newer messages. */
  readonly overtaken: number;
  /** Of each replica process that lived for some rounds, after a collection. */
  readonly heapBytes: Readonly<Record<string, readonly number[]>>;
  /** What NATS takes in memory at most. */
  readonly natsBytes: number;
  readonly handles: readonly string[];
  readonly violations: readonly string[];
}

/** The hub has the name of NVFlare's, so that cells find their ways. */
const HUB = 'server';
const TWIN = 'twin';
const REPLICAS = 3;
/** The sites that have a cell: streams and broadcasts of all would be most of the traffic. */
const CELLS = 3;
const TICK_MS = 50;
const LOOK_MS = 100;
/** From the start of a process until it connects. */
const TWINS_START_MS = 2_000;
/** The longest wait of a newcomer under a name that others have taken again and again. */
const DAMPING_MS = 10_000;
const SETTLED_MS = 10_000;
/** For things that never come, and would be waited for in vain. */
const PATIENCE_MS = 60_000;
const NVFLARE_EVERY_MS = 100;

/** Runs a hub of three replicas with a dozen sites, and lets everything happen to them that can, round by round. */
export async function runClusterSoak(options: ClusterSoakOptions): Promise<ClusterSoakResult> {
  const before = process.getActiveResourcesInfo();
  const stage = await makeStage(REPLICAS);
  const soak = new ClusterSoak(options, stage);
  try {
    await soak.run();
  } finally {
    await soak[Symbol.asyncDispose]();
    await stage[Symbol.asyncDispose]();
  }
  return soak.result(await handlesSince(before));
}

class ClusterSoak implements AsyncDisposable {
  readonly #options: ClusterSoakOptions;
  readonly #stage: Stage;
  readonly #replicas: readonly Member[];
  readonly #sites: readonly Member[];
  readonly #twins: Member[] = [];
  readonly #nextReplicaRun = runCounter();
  readonly #nextTwinRun = runCounter();
  readonly #live: LiveConnections;
  readonly #work = new Subscription();
  readonly #delay = new SchedulingDelay(TICK_MS);
  readonly #faults: Record<string, number> = {};
  readonly #skipped: string[] = [];
  readonly #agreedMs: number[] = [];
  readonly #heardMs: number[] = [];
  readonly #heapBytes: Record<string, number[]> = {};
  readonly #handles: string[] = [];
  readonly #violations: string[] = [];
  #nvflare: NvflareSite | undefined;
  #natsBytes = 0;
  #natsIsUp: Promise<void> = Promise.resolve();
  /** When all was well last. */
  #before: readonly Run[] = [];

  constructor(options: ClusterSoakOptions, stage: Stage) {
    this.#options = options;
    this.#stage = stage;
    this.#live = new LiveConnections(options.replicaTimeoutMs + options.marginMs);
    this.#replicas = stage.replicas.map((place, index) => this.#replicaAt(place, index));
    this.#sites = Array.from({ length: options.sites }, (_, index) => this.#siteOf(index));
    for (const replica of this.#replicas) this.#watch(replica);
    if (stage.obstacle !== '') this.#skipped.push(`partitions: no networks here: ${stage.obstacle}`);
  }

  async run(): Promise<void> {
    const { seconds, rounds = Infinity, progress, nvflare } = this.#options;
    this.#work.add(interval(TICK_MS).subscribe(() => this.#delay.tick()));
    await Promise.all([...this.#replicas, ...this.#sites].map((member) => member.process.started()));
    if (nvflare) await this.#startNvflare();
    for (const line of this.#skipped) progress(`skipped: ${line}`);
    await this.#becomeWell('the start', true);
    const startedAt = Date.now();
    let count = 0;
    for (const round of this.#plan()) {
      const isOver = count >= rounds || Date.now() - startedAt >= seconds * 1_000;
      if (isOver || this.#violations.length > 20) break;
      count += 1;
      const what = `round ${count} (${round.map(describe).join(', ')})`;
      progress(`${String(Math.round((Date.now() - startedAt) / 1000)).padStart(4)} s  ${what}`);
      await this.#play(round, what);
    }
    await this.#end();
  }

  result(handles: readonly string[]): ClusterSoakResult {
    const runs = this.#runs;
    const account = balance(runs);
    const received = runs.flatMap(({ report }) => report.received);
    return {
      seed: this.#options.seed,
      account,
      faults: this.#faults,
      skipped: this.#skipped,
      agreedMs: this.#agreedMs,
      heardMs: this.#heardMs,
      overtaken: received.reduce((sum, { overtaken }) => sum + overtaken, 0),
      heapBytes: this.#heapBytes,
      natsBytes: this.#natsBytes,
      handles: [...this.#handles, ...handles.map((handle) => `the soak itself: ${handle}`)],
      violations: [
        ...this.#violations,
        ...this.#live.violations,
        ...account.violations,
        ...this.#members.flatMap(({ crashes }) => crashes),
      ],
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#work.unsubscribe();
    await Promise.all(this.#members.map((member) => member[Symbol.asyncDispose]()));
    await this.#nvflare?.[Symbol.asyncDispose]();
  }

  get #members(): readonly Member[] {
    return [...this.#replicas, ...this.#sites, ...this.#twins];
  }

  get #running(): readonly Member[] {
    return this.#members.filter(({ isThere }) => isThere);
  }

  get #runs(): readonly Run[] {
    return [...this.#members.flatMap(({ runs }) => runs), ...(this.#nvflare?.runs ?? [])];
  }

  /** The names that must be READY now. NVFlare waits for long before it connects again. */
  #names(withNvflare: boolean): readonly string[] {
    const names = [...this.#sites, ...this.#twins].filter(({ isThere }) => isThere).map(({ name }) => name);
    return withNvflare && this.#nvflare !== undefined ? [...names, this.#nvflare.name] : names;
  }

  #config(name: string, index: number): Omit<PartyConfig, 'run'> {
    const { seed, heartbeatMs, marginMs } = this.#options;
    const ways = { listen: [], connect: [], sendTo: [] };
    return { name, seed: seed * 100 + index, heartbeatMs, marginMs, ...ways };
  }

  get #asks(): readonly string[] {
    return [HUB, ...Array.from({ length: CELLS }, (_, index) => siteName(index)), 'gone'];
  }

  #replicaAt({ url, prefix }: ReplicaPlace, index: number): Member {
    const { replicaTimeoutMs } = this.#options;
    const cluster = { server: this.#stage.nats.address, name: 'soak', replicaTimeoutMs };
    const relayed = [APP_ONE, APP_EVERY];
    const config = { ...this.#config(HUB, index), listen: [url], cluster, relayed, asks: this.#asks };
    return new Member(config, prefix, this.#nextReplicaRun);
  }

  #siteOf(index: number): Member {
    const config = {
      ...this.#siteConfig(siteName(index), REPLICAS + index, this.#stage.balancerUrl),
      ...(index < CELLS ? { asks: this.#asks } : {}),
    };
    return new Member(config, this.#stage.sites, runCounter());
  }

  #siteConfig(name: string, index: number, url: string): Omit<PartyConfig, 'run'> {
    const sends = [APP, APP_ONE, APP_EVERY];
    return { ...this.#config(name, index), connect: [url], sendTo: [HUB], sends, relayed: [APP] };
  }

  async #startNvflare(): Promise<void> {
    if (!pythonAvailable()) {
      this.#skipped.push('a site of NVFlare: python3 with the venv module is not on the PATH');
      return;
    }
    const { seed } = this.#options;
    const to = { hub: HUB, url: this.#stage.balancerUrl };
    const site = await NvflareSite.start('nvflare', to, seed, this.#stage.sites);
    this.#nvflare = site;
    this.#work.add(
      interval(NVFLARE_EVERY_MS).subscribe(() => {
        if (!this.#isPaused) void site.sendOne();
      }),
    );
  }

  #isPaused = false;

  /** What each replica says of itself, whoever it is by now. */
  #watch(replica: Member): void {
    const index = this.#replicas.indexOf(replica);
    this.#work.add(
      replica.process.tidings$.subscribe((tidings) => {
        if (tidings.type === 'report' && tidings.report.view !== undefined)
          this.#live.note(index, tidings.report.view, Date.now());
      }),
    );
  }

  #plan(): Iterable<Round> {
    const { seed, sites, replicaTimeoutMs } = this.#options;
    const kinds = KINDS.filter((kind) => this.#stage.obstacle === '' || !kind.startsWith('part '));
    return planRounds({ seed, replicas: REPLICAS, sites, replicaTimeoutMs, kinds });
  }

  async #play(round: Round, what: string): Promise<void> {
    await this.#stopTwins();
    const since = this.#violations.length;
    await Promise.all(round.map((fault) => this.#perform(fault)));
    const hides = ['freeze long', 'kill NATS', 'part from NATS', 'kill replica', 'rolling restart'];
    const isEverySeen = !round.some(({ type }) => hides.includes(type));
    await this.#becomeWell(what, isEverySeen);
    for (const violation of this.#violations.slice(since)) this.#options.progress(`  ${violation}`);
  }

  async #perform(fault: Fault): Promise<void> {
    this.#faults[fault.type] = (this.#faults[fault.type] ?? 0) + 1;
    switch (fault.type) {
      case 'kill replica': {
        const replica = at(this.#replicas, fault.replica);
        await replica.kill();
        this.#live.forget(fault.replica);
        await sleep(fault.ms);
        await this.#restart(replica);
        break;
      }
      case 'freeze briefly':
      case 'freeze long': {
        const { process } = at(this.#replicas, fault.replica);
        process.freeze();
        this.#live.forget(fault.replica);
        await sleep(fault.ms);
        process.thaw();
        break;
      }
      case 'kill NATS':
        this.#natsIsUp = this.#killNats(fault.ms);
        await this.#natsIsUp;
        break;
      case 'part from NATS':
      case 'part from sites': {
        const { cables } = at(this.#stage.replicas, fault.replica);
        const cable = fault.type === 'part from NATS' ? cables?.nats : cables?.sites;
        await cable?.part();
        await sleep(fault.ms);
        await cable?.heal();
        break;
      }
      case 'twins':
        await this.#startTwins(fault.replica);
        await sleep(fault.ms);
        await this.#twins.at(-1)?.kill();
        break;
      case 'rolling restart':
        for (const [index, replica] of this.#replicas.entries()) {
          this.#handles.push(...(await replica.stop('SIGTERM')));
          this.#live.forget(index);
          await sleep(fault.ms);
          await this.#restart(replica);
        }
        break;
      case 'remove endpoint':
        at(this.#replicas, fault.replica).process.tell({ remove: siteName(fault.site) });
        break;
      case 'kill site': {
        const site = at(this.#sites, fault.site);
        await site.kill();
        await sleep(fault.ms);
        await site.restart();
        break;
      }
    }
  }

  /** As whoever runs it would: when NATS is there. */
  async #restart(replica: Member): Promise<void> {
    await this.#natsIsUp;
    const started = replica.restart();
    this.#watch(replica);
    await started;
  }

  async #killNats(ms: number): Promise<void> {
    await this.#stage.nats.kill();
    await sleep(ms);
    await this.#stage.nats.startAgain();
  }

  async #startTwins(replica: number): Promise<void> {
    const startAt = Date.now() + TWINS_START_MS;
    const twins = [replica, replica + 1].map((each) => {
      const { url } = at(this.#stage.replicas, each);
      const config = this.#siteConfig(TWIN, REPLICAS + this.#options.sites + this.#twins.length, url);
      return new Member({ ...config, startAt }, this.#stage.sites, this.#nextTwinRun);
    });
    this.#twins.push(...twins);
    await Promise.all(twins.map(({ process }) => process.started()));
  }

  async #stopTwins(): Promise<void> {
    for (const twin of this.#twins.filter(({ isThere }) => isThere))
      this.#handles.push(...(await twin.stop()));
  }

  /** Waits until nothing of what was done is to be seen any more, and finds what is lost. */
  async #becomeWell(what: string, isEverySeen: boolean): Promise<void> {
    const accuse = (fault: string): void => void this.#violations.push(`${what}: ${fault}`);
    this.#agreedMs.push(await this.#agree(accuse));
    this.#heardMs.push(await this.#hear(accuse));
    await this.#settle(isEverySeen, accuse);
    await this.#look(accuse);
    this.#before = structuredClone(this.#runs);
    this.#pause(false);
  }

  /** Each site is at one replica, and all replicas say so, within the bounds that are promised. */
  async #agree(accuse: (fault: string) => void): Promise<number> {
    const { replicaTimeoutMs, heartbeatMs, marginMs } = this.#options;
    const since = Date.now();
    const delayedMs = this.#delay.totalMs;
    const boundMs = 2.25 * replicaTimeoutMs + 3 * heartbeatMs + DAMPING_MS + marginMs;
    const isNews = once();
    for (;;) {
      const faults = await this.#disagreements(false);
      const tookMs = Date.now() - since;
      if (faults.length === 0) return tookMs;
      const isLate = tookMs > boundMs + this.#delay.totalMs - delayedMs;
      if (isLate && isNews())
        accuse(`after ${tookMs} ms they do not agree yet: ${faults.slice(0, 5).join('; ')}`);
      if (tookMs > boundMs + PATIENCE_MS) throw new Error(`they never agree: ${faults.join('; ')}`);
      await sleep(LOOK_MS);
    }
  }

  async #disagreements(withNvflare: boolean, more: readonly ReplicaView[] = []): Promise<readonly string[]> {
    const reports = await Promise.all(this.#replicas.map(({ process }) => process.ask('report')));
    const views = reports.flatMap(({ view }) => view ?? []);
    return disagreements([...views, ...more], this.#names(withNvflare), this.#names(true));
  }

  /** Messages come through, from each replica to each site and back. */
  async #hear(accuse: (fault: string) => void): Promise<number> {
    const since = Date.now();
    const before = structuredClone(this.#runs);
    const isNews = once();
    for (;;) {
      await this.#report();
      const silent = stillSilent(before, this.#runs, HUB, this.#names(true));
      const tookMs = Date.now() - since;
      if (silent.length === 0) return tookMs;
      if (tookMs > PATIENCE_MS / 2 && isNews())
        accuse(`after ${tookMs} ms nothing comes: ${silent.slice(0, 5).join('; ')}`);
      if (tookMs > 2 * PATIENCE_MS) throw new Error(`nothing comes: ${silent.join('; ')}`);
      await sleep(LOOK_MS);
    }
  }

  /** Lets what is under way arrive. */
  async #settle(isEverySeen: boolean, accuse: (fault: string) => void): Promise<void> {
    this.#pause(true);
    const deadline = Date.now() + SETTLED_MS;
    for (;;) {
      const known = this.#delivered;
      await sleep(2 * LOOK_MS);
      await this.#report();
      const losses = lossesSince(this.#before, this.#runs, HUB, isEverySeen);
      const isOver = Date.now() > deadline;
      if (losses.length === 0 ? known === this.#delivered || isOver : isOver) {
        for (const loss of losses) accuse(loss);
        return;
      }
    }
  }

  get #delivered(): number {
    const received = this.#runs.flatMap(({ report }) => report.received);
    return received.reduce((sum, { delivered }) => sum + delivered, 0);
  }

  async #look(accuse: (fault: string) => void): Promise<void> {
    for (const { process } of this.#replicas) {
      const of = `replica run ${process.config.run}`;
      (this.#heapBytes[of] ??= []).push(await process.ask('heap'));
      const { rejected = 0 } = process.report.view ?? {};
      if (rejected > 0) accuse(`${of} got ${rejected} broken messages of NATS`);
    }
    this.#natsBytes = Math.max(this.#natsBytes, await residentBytes(this.#stage.nats.pid));
  }

  async #report(): Promise<void> {
    await Promise.all(this.#running.map(({ process }) => process.ask('report')));
  }

  #pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    for (const { process } of this.#running) process.tell(isPaused ? 'pause' : 'resume');
  }

  /** One that joins now sees what the others see; then all stop in good order. */
  async #end(): Promise<void> {
    await this.#stopTwins();
    await this.#becomeWell('the end', true);
    this.#pause(true);
    await using late = this.#replicaAt(
      { ...at(this.#stage.replicas, 0), url: 'tcp://127.0.0.1:0' },
      REPLICAS,
    );
    try {
      await late.process.started();
      await sleep(2 * LOOK_MS);
      const { view } = await late.process.ask('report');
      const faults = await this.#disagreements(true, view === undefined ? [] : [view]);
      this.#violations.push(...faults.map((fault) => `with one that joins at the end: ${fault}`));
    } finally {
      this.#handles.push(...(await late.stop()));
      this.#violations.push(...late.crashes);
    }
    const cells = [...this.#replicas, ...this.#sites.slice(0, CELLS)];
    for (const { name, process } of cells) {
      const failed = await process.ask('reach');
      this.#violations.push(...failed.map((other) => `the cell of ${name} does not reach ${other}`));
    }
    const stopped = await Promise.all(this.#sites.map((site) => site.stop('stop')));
    for (const replica of this.#replicas) stopped.push(await replica.stop());
    this.#handles.push(...stopped.flat());
  }
}

function siteName(index: number): string {
  return `site-${index + 1}`;
}

function describe(fault: Fault): string {
  const where = 'replica' in fault ? ` at replica ${fault.replica + 1}` : '';
  const whom = 'site' in fault ? ` ${siteName(fault.site)}` : '';
  return `${fault.type}${whom}${where}${'ms' in fault ? ` ${fault.ms} ms` : ''}`;
}

/** @throws Error where there is none, since a plan is wrong */
function at<T>(items: readonly T[], index: number): T {
  const item = items[index % items.length];
  if (item === undefined) throw new Error(`there is no item ${index}`);
  return item;
}

/** True the first time. */
function once(): () => boolean {
  let isFirst = true;
  return () => {
    const was = isFirst;
    isFirst = false;
    return was;
  };
}

/** Of a process, where the system tells. */
async function residentBytes(pid: number): Promise<number> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  } catch (error) {
    if (messageOf(error).includes('ENOENT')) return 0;
    throw error;
  }
}
