import { setTimeout as sleep } from 'node:timers/promises';

import { interval } from 'rxjs';

import { EndpointState } from '../../lib/index.js';
import { handlesSince } from './handles.js';
import { type Account, balance, type Run } from './ledger.js';
import type { PartyConfig } from './messages.js';
import { PartyProcess } from './party-process.js';
import { type Impairment, type Planned, planTrials, type Trial } from './schedule.js';
import { SchedulingDelay } from './scheduling-delay.js';
import { Site } from './site.js';

/** How long, and with how many. */
export interface SoakOptions {
  readonly seconds: number;
  readonly seed: number;
  /** Beside the relay and its two leaves. */
  readonly sites: number;
  /** From one trial to the next, about. */
  readonly trialEveryMs: number;
  /** Silence after which a party is pinged, and again after which it is given up. */
  readonly heartbeatMs: number;
  /** How late something may be that has a time, beside what the load of the machine explains. */
  readonly marginMs: number;
  readonly progress: (line: string) => void;
}

/** What was seen. */
export interface SoakResult {
  readonly account: Account;
  readonly trials: Readonly<Record<string, number>>;
  /** Connections that were lost, with the other side READY again each time. */
  readonly restored: number;
  readonly lost: number;
  /** Ends of connections, seen from both sides, under the code of the error, or `clean`. */
  readonly endings: Readonly<Record<string, number>>;
  /** From when nothing was in the way any more. */
  readonly readyMs: readonly number[];
  /** From the freeze, or the first byte swallowed, to DISCONNECTED on the other side. */
  readonly detectionMs: readonly number[];
  /** How often a write that had waited was taken meanwhile, by a proxy or a kernel, and the count began anew. */
  readonly lateSigns: number;
  /** Of the hub and the relay after a collection, when all sites were READY and nothing was wrong. */
  readonly heapBytes: Readonly<Record<string, readonly number[]>>;
  readonly handles: readonly string[];
  readonly violations: readonly string[];
}

const TRANSPORTS = ['tcp', 'http', 'grpc'] as const;
/** The hub has the name of NVFlare's, so that cells find their ways. */
const HUB = 'server';
const RELAY = 'relay';
const LEAVES = [`${RELAY}.a`, `${RELAY}.b`];
/** The heartbeat looks so often within its time, and sees each of three things at the next look only. */
const LOOKS = 4;
/** Hub and relay are killed and frozen before this part of the time. */
const OUTAGES_UNTIL = 0.35;
/** Their heaps are looked at after this part: of 600 s, the new hub has some 200 and 7,000 connections to warm up. */
const WARM_UP = 0.65;
const OUTAGE_EVERY_MS = 15_000;
const LOOK_EVERY_MS = 10_000;
const PROGRESS_EVERY_MS = 5_000;
const TICK_MS = 50;
/** Time for a few messages each way. */
const SETTLED_MS = 500;
const BALANCED_MS = 15_000;
/** At most: over WebSocket a large message must come in pieces of 128 bytes on average, or be refused. */
const PIECE_BYTES = 512;

/**
 * Runs a hub and its sites, one of which is a relay with leaves below it, each a process of its own, and lets everything
 * happen to them that can.
 */
export async function runSoak(options: SoakOptions): Promise<SoakResult> {
  const before = process.getActiveResourcesInfo();
  const soak = new Soak(options);
  try {
    await soak.run();
  } finally {
    await soak[Symbol.asyncDispose]();
  }
  return soak.result(await handlesSince(before));
}

class Soak implements AsyncDisposable {
  readonly #options: SoakOptions;
  readonly #startedAt = Date.now();
  readonly #sites: Site[] = [];
  readonly #hubRuns: Run[] = [];
  readonly #trials: Record<string, number> = {};
  readonly #readyMs: number[] = [];
  readonly #detectionMs: number[] = [];
  readonly #heapBytes: Record<string, number[]> = {};
  readonly #handles: string[] = [];
  readonly #violations: string[] = [];
  readonly #delay = new SchedulingDelay(TICK_MS);
  #hub: PartyProcess;
  #lost = 0;
  #lateSigns = 0;

  constructor(options: SoakOptions) {
    this.#options = options;
    this.#hub = new PartyProcess({
      ...this.#config(HUB, 0),
      listen: TRANSPORTS.map((scheme) => `${scheme}://127.0.0.1:0`),
    });
  }

  async run(): Promise<void> {
    const { sites, seconds, progress } = this.#options;
    const urls = await this.#hub.started();
    const names = Array.from({ length: sites }, (_, index) => `site-${index + 1}`);
    await Promise.all([...names, RELAY].map((name, index) => this.#startSite(name, index, urls)));
    const relayUrls = this.#relay.urls;
    await Promise.all(LEAVES.map((name, index) => this.#startSite(name, sites + 1 + index, relayUrls)));
    await this.#allReady();
    progress(
      `${this.#sites.length} sites READY after ${((Date.now() - this.#startedAt) / 1000).toFixed(1)} s`,
    );
    const telling = interval(PROGRESS_EVERY_MS).subscribe(() => progress(this.#progressLine()));
    telling.add(interval(TICK_MS).subscribe(() => this.#delay.tick()));
    try {
      await this.#follow(this.#timeline(seconds * 1000), urls);
      await this.#end();
    } finally {
      telling.unsubscribe();
    }
  }

  result(handles: readonly string[]): SoakResult {
    const runs = [...this.#hubRuns, ...this.#sites.flatMap((site) => site.runs)];
    const account = balance(runs);
    const endings: Record<string, number> = {};
    for (const { report } of runs)
      for (const [code, count] of Object.entries(report.lost)) endings[code] = (endings[code] ?? 0) + count;
    return {
      account,
      trials: this.#trials,
      lost: this.#lost,
      restored: this.#readyMs.length,
      endings,
      readyMs: this.#readyMs,
      detectionMs: this.#detectionMs,
      lateSigns: this.#lateSigns,
      heapBytes: this.#heapBytes,
      handles: [...this.#handles, ...handles.map((handle) => `the test itself: ${handle}`)],
      violations: [...this.#violations, ...account.violations],
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Without the holes of those that never started.
    await Promise.all([this.#hub, ...Object.values(this.#sites)].map((each) => each[Symbol.asyncDispose]()));
  }

  #config(name: string, index: number): PartyConfig {
    const { seed, heartbeatMs, marginMs, sites } = this.#options;
    const names = Array.from({ length: sites }, (_, each) => `site-${each + 1}`);
    const asks = [HUB, RELAY, ...LEAVES, ...names, 'gone'];
    const ways = { listen: [], connect: [], sendTo: [] };
    return { name, run: 1, seed: seed * 1000 + index, heartbeatMs, marginMs, ...ways, asks };
  }

  async #startSite(name: string, index: number, urls: readonly string[]): Promise<void> {
    const scheme = TRANSPORTS[index % TRANSPORTS.length] ?? 'tcp';
    const url = urls.find((each) => each.startsWith(`${scheme}:`)) ?? '';
    const isLeaf = LEAVES.includes(name);
    const config = {
      ...this.#config(name, index + 1),
      sendTo: [isLeaf ? RELAY : HUB],
      listen: name === RELAY ? TRANSPORTS.map((each) => `${each}://127.0.0.1:0`) : [],
    };
    this.#sites[index] = await Site.start(url, () => (isLeaf ? this.#relay.process : this.#hub), config);
  }

  get #relay(): Site {
    const relay = this.#sites.find((site) => site.name === RELAY);
    if (relay === undefined) throw new Error('the relay has not started');
    return relay;
  }

  /** The sites that are connected to a process. */
  #below(parent: PartyProcess): readonly Site[] {
    return this.#sites.filter((site) => site.parent === parent);
  }

  /** What happens when: trials of sites all the while, of hub and relay early, and looks at their heaps at the end. */
  #timeline(ms: number): readonly Moment[] {
    const { seed, trialEveryMs } = this.#options;
    const sites = this.#sites.length;
    const outages = (['freeze hub', 'kill relay', 'kill hub', 'freeze relay'] as const).map((type) => ({
      type,
    }));
    const rounds = Math.max(1, Math.floor((ms * OUTAGES_UNTIL) / (outages.length * OUTAGE_EVERY_MS)));
    const all = Array.from({ length: rounds }, () => outages).flat();
    const plan = planTrials({ seed, sites, fromMs: 200, untilMs: ms, everyMs: trialEveryMs });
    const lookEveryMs = Math.min(LOOK_EVERY_MS, ms * (1 - WARM_UP));
    const looks = 1 + Math.floor((ms * (1 - WARM_UP)) / lookEveryMs);
    return [
      ...plan.map((planned): Moment => ({ type: 'site', ...planned })),
      ...all.map(({ type }, index) => ({ type, atMs: (ms * OUTAGES_UNTIL * (index + 0.5)) / all.length })),
      ...Array.from({ length: looks }, (_, index): Moment => ({
        type: 'look',
        atMs: ms - (looks - 1 - index) * lookEveryMs,
      })),
    ].sort((a, b) => a.atMs - b.atMs);
  }

  async #follow(timeline: readonly Moment[], urls: readonly string[]): Promise<void> {
    const startedAt = Date.now();
    for (const moment of timeline) {
      await sleep(Math.max(0, startedAt + moment.atMs - Date.now()));
      if (moment.type === 'site') {
        const site = this.#sites[moment.site];
        site?.queue(() => this.#perform(site, site.name === RELAY ? lineTrial(moment.trial) : moment.trial));
        continue;
      }
      await this.#idle();
      await this.#performOnAll(moment.type, urls);
    }
    await this.#idle();
  }

  async #performOnAll(type: CommonMoment['type'], urls: readonly string[]): Promise<void> {
    switch (type) {
      case 'look':
        for (const party of [this.#hub, this.#relay.process])
          (this.#heapBytes[party.config.name] ??= []).push(await party.ask('heap'));
        break;
      case 'freeze hub':
        await this.#freeze(type, this.#hub, this.#below(this.#hub));
        break;
      case 'freeze relay':
        await this.#freeze(type, this.#relay.process, [this.#relay, ...this.#below(this.#relay.process)]);
        break;
      case 'kill hub':
        await this.#killHub(urls);
        break;
      case 'kill relay':
        await this.#commonOutage(type, [this.#relay, ...this.#below(this.#relay.process)], async () => {
          await this.#relay.kill();
          await this.#relay.restart();
        });
        break;
    }
  }

  /** Lets what is under way arrive, and stops everyone in good order. */
  async #end(): Promise<void> {
    await sleep(SETTLED_MS);
    const parties = [this.#hub, ...this.#sites.map((site) => site.process)];
    for (const party of parties) party.tell('pause');
    const deadline = Date.now() + BALANCED_MS;
    do await Promise.all(parties.map((party) => party.ask('report')));
    while (this.#isUnderWay() && Date.now() < deadline);
    await Promise.all(parties.map((party) => this.#reachesAll(party)));
    await Promise.all(parties.map(async (party) => this.#noteHandles(party.config.name, await party.stop())));
    this.#hubRuns.push(this.#hubRun({ wasKilled: false, endedWell: true }));
  }

  /** Where nothing is wrong, each cell reaches each other. */
  async #reachesAll(party: PartyProcess): Promise<void> {
    const failed = await party.ask('reach');
    this.#violations.push(...failed.map((name) => `${party.config.name}: its cell does not reach ${name}`));
  }

  #noteHandles(name: string, handles: readonly string[]): void {
    this.#handles.push(...handles.map((handle) => `${name}: ${handle}`));
  }

  #isUnderWay(): boolean {
    const runs = [
      this.#hubRun({ wasKilled: false, endedWell: true }),
      ...this.#sites.flatMap(({ runs: all }) => all),
    ];
    return balance([...this.#hubRuns, ...runs]).violations.some((violation) =>
      violation.includes('at the end'),
    );
  }

  async #perform(site: Site, trial: Trial): Promise<void> {
    this.#trials[trial.type] = (this.#trials[trial.type] ?? 0) + 1;
    switch (trial.type) {
      case 'cut':
      case 'reset': {
        const { type } = trial;
        await this.#outage(site, () => {
          site.proxy.apply({ type });
        });
        break;
      }
      case 'refuse':
        await this.#outage(site, async () => {
          site.proxy.apply({ type: 'refuse' });
          site.proxy.apply({ type: 'reset' });
          await sleep(trial.ms);
          site.proxy.accept();
        });
        break;
      case 'half-open':
        await this.#outage(site, () =>
          this.#detected(trial.type, site.process, site.parent.config.name, () =>
            site.proxy.apply({ type: 'half-open' }),
          ),
        );
        break;
      case 'freeze':
        await this.#outage(site, async () => {
          await this.#detected(trial.type, site.parent, site.name, () => site.process.freeze());
          site.process.thaw();
        });
        break;
      case 'kill':
        await this.#outage(site, async () => {
          await site.kill();
          await sleep(trial.ms);
          await site.restart();
        });
        break;
      case 'restart':
        await this.#outage(site, async () => {
          await sleep(SETTLED_MS);
          this.#noteHandles(site.name, await site.stop());
          await site.restart();
        });
        break;
      case 'delay':
      case 'throttle':
      case 'split':
        await this.#impair(site, trial);
        break;
    }
  }

  /** Bad lines lose nothing. */
  async #impair(site: Site, { type, ms }: Impairment): Promise<void> {
    const { accepted } = site.proxy;
    const since = Date.now();
    const delayedMs = this.#delay.totalMs;
    if (type === 'delay') site.proxy.apply({ type, ms: ms / 10 });
    else if (type === 'throttle') site.proxy.apply({ type, bytesPerSecond: ms * 100 });
    else site.proxy.apply({ type, maxBytes: PIECE_BYTES });
    await sleep(ms);
    site.proxy.heal();
    if (site.proxy.accepted === accepted) return;
    const ends = [site.process, site.parent];
    await Promise.all(ends.map((end) => end.next('report')));
    const lagMs = this.#delay.totalMs - delayedMs + Math.max(...ends.map((end) => end.lagSince(since)));
    // Who is so late in all may have been silent for too long.
    if (lagMs >= 2 * this.#options.heartbeatMs) return;
    this.#violations.push(`${site.name}: the connection was lost, although it only had to bear a ${type}`);
  }

  /** The connection of a site is lost, and comes back once nothing is in its way any more. */
  async #outage(site: Site, act: () => Promise<void> | void): Promise<void> {
    const joined = site.parent.next('joined', ({ name }) => name === site.name);
    joined.catch(() => undefined);
    this.#lost += 1;
    await act();
    const freeAt = Date.now();
    this.#readyMs.push(Math.max(0, (await joined).at - freeAt));
    await site.ready();
  }

  /**
   * One side sees in time that the other has gone silent. A write that had waited and is taken counts as a sign of life,
   * since a dead peer takes none; but a proxy does, and so does the kernel of a frozen one.
   */
  async #detected(trial: string, observer: PartyProcess, name: string, act: () => void): Promise<void> {
    const gone = observer.next(
      'endpoint',
      (tidings) => tidings.name === name && tidings.state === EndpointState.DISCONNECTED,
    );
    const since = Date.now();
    // What a party sent before it fell silent passes the proxies, which are in this process.
    const delayedMs = this.#delay.totalMs;
    act();
    const { at, aliveAt } = await gone;
    await observer.next('report');
    const { heartbeatMs, marginMs } = this.#options;
    const lagMs = observer.lagSince(since) + this.#delay.totalMs - delayedMs;
    const signMs = Math.max(0, aliveAt - since);
    const limitMs = signMs + 2 * heartbeatMs + (3 * heartbeatMs) / LOOKS + marginMs + lagMs;
    const detectionMs = at - since;
    this.#detectionMs.push(detectionMs);
    if (signMs > marginMs) this.#lateSigns += 1;
    if (detectionMs <= limitMs) return;
    const detail = `expected within ${Math.round(limitMs)} ms, took ${detectionMs} ms`;
    this.#violations.push(`${observer.config.name} sees that ${name} is silent (${trial}): ${detail}`);
  }

  /** Freezes a party until all its neighbours have noticed. */
  async #freeze(type: string, frozen: PartyProcess, affected: readonly Site[]): Promise<void> {
    await this.#commonOutage(type, affected, async () => {
      let isFrozen = false;
      const freeze = (): void => {
        if (!isFrozen) frozen.freeze();
        isFrozen = true;
      };
      const neighbours = affected.map((site) => (site.process === frozen ? site.parent : site.process));
      await Promise.all(neighbours.map((each) => this.#detected(type, each, frozen.config.name, freeze)));
      frozen.thaw();
    });
  }

  async #killHub(urls: readonly string[]): Promise<void> {
    await this.#commonOutage('kill hub', this.#below(this.#hub), async () => {
      await this.#hub.kill();
      this.#hubRuns.push(this.#hubRun({ wasKilled: true, endedWell: false }));
      this.#hub = new PartyProcess({ ...this.#hub.config, run: this.#hub.config.run + 1, listen: urls });
      await this.#hub.started();
    });
  }

  /** The connections of several sites are lost, and come back. */
  async #commonOutage(type: string, affected: readonly Site[], act: () => Promise<void>): Promise<void> {
    this.#trials[type] = (this.#trials[type] ?? 0) + 1;
    this.#lost += affected.length;
    await act();
    const freeAt = Date.now();
    await Promise.all(
      affected.map(async (site) => {
        await site.ready();
        this.#readyMs.push(Date.now() - freeAt);
      }),
    );
  }

  async #idle(): Promise<void> {
    await Promise.all(this.#sites.map((site) => site.idle()));
    await this.#allReady();
  }

  async #allReady(): Promise<void> {
    await Promise.all(this.#sites.map((site) => site.ready()));
  }

  #hubRun(end: Pick<Run, 'wasKilled' | 'endedWell'>): Run {
    const { config, report } = this.#hub;
    return { name: HUB, run: config.run, report, ...end };
  }

  #progressLine(): string {
    const seconds = String(Math.round((Date.now() - this.#startedAt) / 1000)).padStart(4);
    const ready = this.#sites.filter((site) => site.isReady).length;
    const runs = [...this.#hubRuns, ...this.#sites.flatMap((site) => site.runs)];
    const { sent, delivered, requests } = balance([
      ...runs,
      this.#hubRun({ wasKilled: true, endedWell: false }),
    ]);
    const trials = Object.values(this.#trials).reduce((sum, count) => sum + count, 0);
    return (
      `${seconds} s  ${ready} of ${this.#sites.length} sites READY, ${trials} trials, ` +
      `lost ${this.#lost}, restored ${this.#readyMs.length}, sent ${sent}, delivered ${delivered}, ` +
      `asked ${requests.asked}, replies ${requests.ended.ok ?? 0}`
    );
  }
}

interface CommonMoment {
  readonly type: 'look' | 'freeze hub' | 'kill hub' | 'freeze relay' | 'kill relay';
  readonly atMs: number;
}

type Moment = ({ readonly type: 'site' } & Planned) | CommonMoment;

/** The process of the relay ends for all that are below it, so its own trials are those of its line. */
function lineTrial(trial: Trial): Trial {
  return trial.type === 'freeze' || trial.type === 'kill' || trial.type === 'restart'
    ? { type: 'reset' }
    : trial;
}
