import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { interval, Subscription } from 'rxjs';

import { messageOf } from '../../../lib/comm-error.js';
import { handlesSince } from '../handles.js';
import { type Account, balance, type Run } from '../ledger.js';
import type { ReplicaView } from '../messages.js';
import { SchedulingDelay } from '../scheduling-delay.js';
import { Cast, type CastOptions, HUB, siteName } from './cast.js';
import { disagreements } from './disagreements.js';
import { LiveConnections } from './live-connections.js';
import { lossesSince, stillSilent } from './losses.js';
import type { Member } from './member.js';
import { type Fault, KINDS, planRounds, type Round } from './rounds.js';
import { makeStage, type Stage } from './stage.js';

/** How long, and with how many. */
export interface ClusterSoakOptions extends CastOptions {
  /** What may go wrong. Default: all that can here. */
  readonly kinds?: readonly Fault['type'][] | undefined;
  /** Rounds begin in this time. Default: until each kind of fault was done. */
  readonly seconds?: number;
  /** Whether a site of NVFlare is among them, where Python is there. */
  readonly nvflare: boolean;
  readonly progress: (line: string) => void;
  /** Ends it early, and leaves nothing open. */
  readonly signal?: AbortSignal;
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
  /** What came late, behind newer messages on another connection. */
  readonly overtaken: number;
  /** Of each replica process that lived for some rounds, after a collection. */
  readonly heapBytes: Readonly<Record<string, readonly number[]>>;
  /** What NATS takes in memory at most. */
  readonly natsBytes: number;
  readonly handles: readonly string[];
  readonly violations: readonly string[];
}

const REPLICAS = 3;
const TICK_MS = 50;
const LOOK_MS = 100;
/** The longest wait of a newcomer under a name that others have taken again and again. */
const DAMPING_MS = 10_000;
/** What is under way has arrived by then, or does not. */
const SETTLED_MS = 10_000;
/** NVFlare waits before it connects again. */
const HEARD_MS = 30_000;
/** For things that never come, and would be waited for in vain. */
const PATIENCE_MS = 60_000;
/** What comes then is the same again. */
const VIOLATIONS_ENOUGH = 20;

/** Runs a hub of three replicas with its sites, and lets everything happen to them that can, round by round. */
export async function runClusterSoak(options: ClusterSoakOptions): Promise<ClusterSoakResult> {
  const before = process.getActiveResourcesInfo();
  const stage = await makeStage(REPLICAS);
  const soak = new ClusterSoak(options, stage);
  try {
    await Promise.race([soak.run(), aborted(options.signal)]);
  } catch (error) {
    soak.accuse(messageOf(error));
  } finally {
    await soak[Symbol.asyncDispose]();
    await stage[Symbol.asyncDispose]();
  }
  return soak.result(await handlesSince(before));
}

class ClusterSoak implements AsyncDisposable {
  readonly #options: ClusterSoakOptions;
  readonly #stage: Stage;
  readonly #cast: Cast;
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
  #natsBytes = 0;
  #natsIsUp: Promise<void> = Promise.resolve();
  /** Whether it came to its end, where nothing is under way. */
  #isComplete = false;
  /** When all was well last. */
  #before: readonly Run[] = [];
  /** Whether no replica has taken another one for gone since. */
  #isEverySeen = true;

  constructor(options: ClusterSoakOptions, stage: Stage) {
    this.#options = options;
    this.#stage = stage;
    this.#live = new LiveConnections(options.replicaTimeoutMs + options.marginMs);
    this.#cast = new Cast(options, stage);
    for (const replica of this.#cast.replicas) this.#watch(replica);
    this.#work.add(interval(TICK_MS).subscribe(() => this.#delay.tick()));
  }

  async run(): Promise<void> {
    const { progress, nvflare } = this.#options;
    await this.#cast.started();
    if (this.#stage.obstacle !== '') this.#skipped.push(`partitions: ${this.#stage.obstacle}`);
    const obstacle = nvflare ? await this.#cast.addNvflare() : '';
    if (obstacle !== '') this.#skipped.push(`a site of NVFlare: ${obstacle}`);
    for (const line of this.#skipped) progress(`skipped: ${line}`);
    await this.#becomeWell('the start');
    const startedAt = Date.now();
    let count = 0;
    for (const round of this.#plan()) {
      if (this.#isOver(startedAt)) break;
      count += 1;
      const what = `round ${count} (${round.map(describe).join(', ')})`;
      progress(`${String(Math.round((Date.now() - startedAt) / 1000)).padStart(4)} s  ${what}`);
      const known = this.#found.length;
      await this.#play(round, what);
      for (const violation of this.#found.slice(known)) progress(`        ${violation}`);
    }
    await this.#end();
    this.#isComplete = true;
  }

  /** Takes note of what must not be. */
  accuse(violation: string): void {
    this.#violations.push(violation);
  }

  result(handles: readonly string[]): ClusterSoakResult {
    const { runs } = this.#cast;
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
      violations: [...this.#found, ...(this.#isComplete ? account.violations : ofParties(runs))],
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#work.unsubscribe();
    await this.#cast[Symbol.asyncDispose]();
  }

  /** What must not be; what parties find comes from the ledger. */
  get #found(): readonly string[] {
    return [...this.#violations, ...this.#live.violations, ...this.#cast.crashes];
  }

  /** What each replica says of itself, whoever it is by now. */
  #watch(replica: Member): void {
    const index = this.#cast.replicas.indexOf(replica);
    this.#work.add(
      replica.process.tidings$.subscribe((tidings) => {
        if (tidings.type !== 'report' || tidings.report.view === undefined) return;
        const { view, lagMs } = tidings.report;
        this.#live.note(index, view, Date.now(), lagMs);
        if (view.replicas.length < REPLICAS - 1) this.#isEverySeen = false;
      }),
    );
  }

  #isOver(startedAt: number): boolean {
    const { seconds } = this.#options;
    if (this.#found.length > VIOLATIONS_ENOUGH) return true;
    if (seconds !== undefined) return Date.now() - startedAt >= seconds * 1_000;
    return this.#kinds.every((kind) => kind in this.#faults);
  }

  get #kinds(): readonly Fault['type'][] {
    const { kinds = KINDS } = this.#options;
    return kinds.filter((kind) => this.#stage.obstacle === '' || !kind.startsWith('part '));
  }

  #plan(): Iterable<Round> {
    const { seed, sites, replicaTimeoutMs } = this.#options;
    return planRounds({ seed, replicas: REPLICAS, sites, replicaTimeoutMs, kinds: this.#kinds });
  }

  async #play(round: Round, what: string): Promise<void> {
    this.#handles.push(...(await this.#cast.stopTwins()));
    await Promise.all(round.map((fault) => this.#perform(fault)));
    await this.#becomeWell(what);
  }

  async #perform(fault: Fault): Promise<void> {
    this.#faults[fault.type] = (this.#faults[fault.type] ?? 0) + 1;
    switch (fault.type) {
      case 'kill replica': {
        const replica = at(this.#cast.replicas, fault.replica);
        await replica.kill();
        this.#live.forget(fault.replica);
        await sleep(fault.ms);
        await this.#restart(replica);
        break;
      }
      case 'freeze briefly':
      case 'freeze long': {
        const { process } = at(this.#cast.replicas, fault.replica);
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
        await this.#cast.startTwins([0, 1].map((next) => at(this.#stage.replicas, fault.replica + next).url));
        await sleep(fault.ms);
        await this.#cast.killTwin();
        break;
      case 'rolling restart':
        for (const [index, replica] of this.#cast.replicas.entries()) {
          this.#handles.push(...(await replica.stop('SIGTERM')));
          this.#live.forget(index);
          await sleep(fault.ms);
          await this.#restart(replica);
        }
        break;
      case 'remove endpoint':
        at(this.#cast.replicas, fault.replica).process.tell({ remove: siteName(fault.site) });
        break;
      case 'kill site': {
        const site = at(this.#cast.sites, fault.site);
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

  /** Waits until nothing of what was done is to be seen any more, and finds what is lost. */
  async #becomeWell(what: string): Promise<void> {
    const accuse = (fault: string): void => this.accuse(`${what}: ${fault}`);
    this.#agreedMs.push(await this.#agree(accuse));
    this.#heardMs.push(await this.#hear(accuse));
    await this.#settle(accuse);
    await this.#look(accuse);
    this.#before = structuredClone(this.#cast.runs);
    this.#isEverySeen = true;
    this.#cast.pause(false);
  }

  /** Each site is at one replica, and all replicas say so, within the bounds that are promised. */
  async #agree(accuse: (fault: string) => void): Promise<number> {
    const { replicaTimeoutMs, heartbeatMs, marginMs } = this.#options;
    const since = Date.now();
    const delayedMs = this.#delay.totalMs;
    const boundMs = 2.25 * replicaTimeoutMs + 3 * heartbeatMs + DAMPING_MS + marginMs;
    const isNews = once();
    for (;;) {
      const faults = await this.#disagreements(this.#cast.names);
      const tookMs = Date.now() - since;
      if (faults.length === 0) return tookMs;
      const isLate = tookMs > boundMs + this.#delay.totalMs - delayedMs + this.#lagSince(since);
      if (isLate && isNews())
        accuse(`after ${tookMs} ms they do not agree yet: ${faults.slice(0, 5).join('; ')}`);
      if (tookMs > boundMs + PATIENCE_MS) throw new Error(`they never agree: ${faults.join('; ')}`);
      await sleep(LOOK_MS);
    }
  }

  async #disagreements(
    names: readonly string[],
    more: readonly ReplicaView[] = [],
  ): Promise<readonly string[]> {
    const reports = await Promise.all(this.#cast.replicas.map(({ process }) => process.ask('report')));
    const views = reports.flatMap(({ view }) => view ?? []);
    return disagreements([...views, ...more], names, this.#cast.namesWithNvflare);
  }

  /** Messages come through, from each replica to each site and back. */
  async #hear(accuse: (fault: string) => void): Promise<number> {
    const since = Date.now();
    const { marginMs } = this.#options;
    const before = structuredClone(this.#cast.runs);
    const isNews = once();
    for (;;) {
      await this.#cast.report();
      const silent = stillSilent(before, this.#cast.runs, HUB, this.#cast.namesWithNvflare);
      const tookMs = Date.now() - since;
      if (silent.length === 0) return tookMs;
      if (tookMs > HEARD_MS + marginMs + this.#lagSince(since) && isNews()) {
        const faults = [...silent, ...(await this.#disagreements(this.#cast.names))];
        accuse(
          `after ${tookMs} ms nothing comes on ${silent.length} paths: ${faults.slice(0, 5).join('; ')}`,
        );
      }
      if (tookMs > HEARD_MS + marginMs + PATIENCE_MS) throw new Error(`nothing comes: ${silent.join('; ')}`);
      await sleep(LOOK_MS);
    }
  }

  /** Lets what is under way arrive. */
  async #settle(accuse: (fault: string) => void): Promise<void> {
    this.#cast.pause(true);
    const deadline = Date.now() + SETTLED_MS;
    for (;;) {
      const known = this.#delivered;
      await sleep(2 * LOOK_MS);
      await this.#cast.report();
      const losses = lossesSince(this.#before, this.#cast.runs, HUB, this.#isEverySeen);
      const isOver = Date.now() > deadline;
      if (losses.length === 0 ? known === this.#delivered || isOver : isOver) {
        for (const loss of losses) accuse(loss);
        return;
      }
    }
  }

  /** How long the slowest process did not run when it should have. */
  #lagSince(since: number): number {
    return Math.max(
      ...[...this.#cast.replicas, ...this.#cast.sites].map(({ process }) => process.lagSince(since)),
    );
  }

  get #delivered(): number {
    const received = this.#cast.runs.flatMap(({ report }) => report.received);
    return received.reduce((sum, { delivered }) => sum + delivered, 0);
  }

  async #look(accuse: (fault: string) => void): Promise<void> {
    for (const { process } of this.#cast.replicas) {
      const of = `replica run ${process.config.run}`;
      (this.#heapBytes[of] ??= []).push(await process.ask('heap'));
      const { rejected = 0 } = process.report.view ?? {};
      if (rejected > 0) accuse(`${of} got ${rejected} broken messages of NATS`);
    }
    this.#natsBytes = Math.max(this.#natsBytes, await residentBytes(this.#stage.nats.pid));
  }

  /** One that joins now sees what the others see; then all stop in good order. */
  async #end(): Promise<void> {
    this.#handles.push(...(await this.#cast.stopTwins()));
    await this.#becomeWell('the end');
    this.#cast.pause(true);
    await using late = this.#cast.addReplica(
      { ...at(this.#stage.replicas, 0), url: 'tcp://127.0.0.1:0' },
      REPLICAS,
    );
    try {
      await late.process.started();
      await sleep(2 * LOOK_MS);
      const { view } = await late.process.ask('report');
      const faults = await this.#disagreements(this.#cast.namesWithNvflare, view === undefined ? [] : [view]);
      for (const fault of faults) this.accuse(`with one that joins at the end: ${fault}`);
    } finally {
      this.#handles.push(...(await late.stop()));
      for (const crash of late.crashes) this.accuse(crash);
    }
    for (const { name, process } of this.#cast.cells) {
      const failed = await process.ask('reach');
      for (const other of failed) this.accuse(`the cell of ${name} does not reach ${other}`);
    }
    this.#handles.push(...(await this.#cast.stop()));
  }
}

function ofParties(runs: readonly Run[]): readonly string[] {
  return runs.flatMap(({ report }) => report.violations);
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

/** Rejects when somebody wants it to end. */
async function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise<never>((_, reject) => {
    signal?.addEventListener('abort', () => reject(new Error('ended before its time')), { once: true });
  });
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
