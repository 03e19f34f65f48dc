import { NoRespondersError, RequestError } from '@nats-io/transport-node';
import { EMPTY, from, ignoreElements, type Observable, throwError } from 'rxjs';
import { asyncScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';

import type { ReplicaHost } from '../../lib/cluster-contract.js';
import type { DirectoryEvent, Entry } from '../../lib/cluster/directory.js';
import { Names } from '../../lib/cluster/names.js';
import { CommError, CommErrorCode } from '../../lib/comm-error.js';
import { Endpoint, EndpointState } from '../../lib/endpoint.js';
import { resolveOptions } from '../../lib/options.js';
import { seededRandom } from '../support/random.js';

type EntryEvent = Extract<DirectoryEvent, { type: 'entry' }>;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** NATS and its bucket: every answer and every event takes some turns. */
class World {
  readonly replicas: Place[] = [];
  readonly entries = new Map<string, { entry: Entry | undefined; revision: number }>();
  readonly #random: () => number;
  #revision = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  draw(below: number): number {
    return Math.floor(this.#random() * below);
  }

  async delay(): Promise<void> {
    for (let turns = this.draw(4); turns > 0; turns -= 1) await turn();
  }

  change(name: string, entry: Entry | undefined, before: number): number | undefined {
    const now = this.entries.get(name);
    const isFree = now?.entry === undefined && before === 0;
    if (!isFree && before !== now?.revision) return undefined;
    this.#revision += 1;
    const revision = this.#revision;
    this.entries.set(name, { entry, revision });
    for (const replica of this.replicas) replica.hear({ type: 'entry', name, revision, entry });
    return revision;
  }
}

/** One replica: its sessions have names. */
class Place {
  readonly id: string;
  readonly sessions = new Map<string, object>();
  readonly names: Names;
  isFrozen = false;
  isDead = false;
  /** It counts as alive, and does not answer. */
  isSilent = false;
  /** How long it waited, each time. */
  readonly waits: number[] = [];
  /** How often it asked a holder to let go. */
  asked = 0;
  /** How many writes fail from now on. */
  failures = 0;
  /** What was told to have changed. */
  readonly changes: (readonly [string, string | undefined])[] = [];
  readonly #world: World;
  readonly #rule: 'newcomer' | 'incumbent';
  readonly #events: EntryEvent[] = [];
  #isHearing = false;

  constructor(world: World, id: string, rule: 'newcomer' | 'incumbent' = 'newcomer') {
    this.id = id;
    this.#world = world;
    this.#rule = rule;
    this.names = new Names({
      self: id,
      host: this.#host(),
      directory: {
        read: async (name) => {
          await this.#awake();
          const known = world.entries.get(name);
          return { revision: known?.revision ?? 0, entry: known?.entry };
        },
        write: async (entry, revision, isWanted) => {
          await this.#awake();
          this.#fail();
          if (!isWanted()) return undefined;
          const written = world.change(entry.endpoint.name, entry, revision);
          await this.#awake();
          return written;
        },
        remove: async (name, revision) => {
          await this.#awake();
          this.#fail();
          world.change(name, undefined, revision);
        },
      },
      now: () => performance.now(),
      after: (ms) => {
        this.waits.push(ms);
        return turn();
      },
      mayLive: (replica) =>
        !world.replicas.some(({ id, isFrozen, isDead }) => id === replica && (isFrozen || isDead)),
      requestRelease: async (replica, request) => {
        this.asked += 1;
        await this.#awake();
        const holder = world.replicas.find(({ id }) => id === replica);
        if (holder === undefined || holder.isDead || holder.isFrozen || holder.isSilent)
          throw new RequestError('', { cause: new NoRespondersError(replica) });
        const answer = await holder.names.answerRelease(request);
        await this.#awake();
        return answer;
      },
      changed: (...change) => this.changes.push(change),
    });
    world.replicas.push(this);
  }

  hear(event: EntryEvent): void {
    this.#events.push(event);
    void this.#hearAll();
  }

  /** A connection presents a name. */
  async connect(name: string): Promise<void> {
    const endpoint = new Endpoint(name, {}, {}, EndpointState.READY);
    await this.names.claim(
      endpoint,
      () => true,
      () => this.sessions.set(name, {}),
    );
  }

  disconnect(name: string): void {
    if (this.sessions.delete(name)) this.names.release(name);
  }

  async #hearAll(): Promise<void> {
    if (this.#isHearing) return;
    this.#isHearing = true;
    for (;;) {
      await this.#awake();
      const event = this.#events.shift();
      if (event === undefined) break;
      if (!this.isDead) this.names.take(event);
    }
    this.#isHearing = false;
  }

  #fail(): void {
    if (this.failures === 0) return;
    this.failures -= 1;
    throw new Error('NATS does not answer');
  }

  async #awake(): Promise<void> {
    await this.#world.delay();
    while (this.isFrozen) await turn();
  }

  #host(): ReplicaHost {
    return {
      localName: 'server',
      settings: { ...resolveOptions({ scheduler: asyncScheduler }), duplicateName: this.#rule },
      isHere: (name) => this.sessions.has(name),
      contest: (): Observable<never> =>
        throwError(() => new CommError(CommErrorCode.NOT_READY, 'it lives', { detail: 'name-taken' })),
      yield: (name) =>
        this.sessions.has(name)
          ? from(
              (async () => {
                const session = this.sessions.get(name);
                await this.#world.delay();
                if (this.sessions.get(name) === session) this.sessions.delete(name);
              })(),
            ).pipe(ignoreElements())
          : EMPTY,
      find: () => undefined,
      route: () => undefined,
      remove: () => undefined,
      accept: () => false,
    };
  }
}

function places(world: World, rule: 'newcomer' | 'incumbent' = 'newcomer'): [Place, Place, Place] {
  return [new Place(world, 'a', rule), new Place(world, 'b', rule), new Place(world, 'c', rule)];
}

/** Waits until nothing happens any more, and answers who has a name, in the directory and in fact. */
async function settled(world: World, name: string): Promise<readonly [string | undefined, string[]]> {
  const alive = world.replicas.filter(({ isDead }) => !isDead);
  for (let turns = 0; turns < 100; turns += 1) {
    await turn();
    await Promise.all(alive.map((place) => place.names.idle()));
  }
  const holders = alive.filter(({ sessions }) => sessions.has(name)).map(({ id }) => id);
  return [world.entries.get(name)?.entry?.replica, holders];
}

/** A replica that has just let go of a name, which nobody has taken yet. */
async function letGo(): Promise<{ readonly world: World; readonly a: Place; readonly revision: number }> {
  const world = new World(2);
  const [a] = places(world);
  await a.connect('site');
  await settled(world, 'site');
  const revision = world.entries.get('site')?.revision ?? 0;
  await a.names.answerRelease({ name: 'site', revision, by: 'b', rule: 'newcomer' });
  return { world, a, revision };
}

describe('names', () => {
  it.each(Array.from({ length: 100 }, (_, seed) => seed))(
    'have one holder, and the directory says which, however connections and entries come, go and freeze: seed %i',
    async (seed) => {
      const world = new World(seed);
      const all = places(world);
      const working: Promise<unknown>[] = [];
      for (let step = 0; step < 60; step += 1) {
        const place = all[world.draw(3)] ?? all[0];
        const what = world.draw(11);
        // One that cannot be let in comes again; who is refused here does not matter.
        if (what < 6) {
          if (!place.isFrozen) working.push(place.connect('site').catch(() => undefined));
        } else if (what < 8) place.disconnect('site');
        else if (what === 8) world.change('site', undefined, world.entries.get('site')?.revision ?? 0);
        else place.isFrozen = !place.isFrozen && all.filter(({ isFrozen }) => isFrozen).length < 2;
        await world.delay();
      }
      for (const place of all) place.isFrozen = false;
      await Promise.all(working);
      const [entry, holders] = await settled(world, 'site');
      expect(holders.length).toBeLessThanOrEqual(1);
      expect(entry).toBe(holders[0]);
      for (const { names } of all) expect(names.get('site')?.replica).toBe(entry);
      for (const { id, names } of all)
        expect(names.isOurs('site', names.get('site')?.generation ?? 0)).toBe(id === entry);
    },
  );

  it('of a dead replica may be taken at once when it counts as gone', async () => {
    const world = new World(1);
    const [a, b] = places(world);
    await a.connect('site');
    await settled(world, 'site');
    a.isDead = true;
    await b.connect('site');
    expect(await settled(world, 'site')).toEqual(['b', ['b']]);
  });

  it('are asked for less and less often while their replica does not answer', async () => {
    const world = new World(1);
    const [a, b] = places(world);
    await a.connect('site');
    await settled(world, 'site');
    a.isSilent = true;
    const connecting = b.connect('site');
    while (b.waits.length < 7) await turn();
    a.isDead = true;
    await connecting;
    expect(b.waits.slice(0, 7)).toEqual([50, 100, 200, 400, 800, 800, 800]);
    expect(await settled(world, 'site')).toEqual(['b', ['b']]);
  });

  it.each(['is gone', 'answers'])(
    'are asked for by one at a time while their replica does not answer, until it %s',
    async (end) => {
      const world = new World(1);
      const [a, b] = places(world);
      const names = Array.from({ length: 100 }, (_, n) => `site-${n}`);
      for (const name of names) await a.connect(name);
      await settled(world, 'site-99');
      a.isSilent = true;
      const connecting = names.map((name) => b.connect(name));
      const turns = 200;
      for (let n = 0; n < turns; n += 1) await turn();
      // Each once, before it was known, and one at a time since.
      expect(b.asked).toBeGreaterThan(names.length);
      expect(b.asked).toBeLessThan(names.length + turns);
      if (end === 'answers') a.isSilent = false;
      else a.isDead = true;
      await Promise.all(connecting);
      for (const name of names) expect(await settled(world, name)).toEqual(['b', ['b']]);
    },
  );

  it('that somebody deleted of a connection that lives are written again', async () => {
    const world = new World(2);
    const [a, b] = places(world);
    await a.connect('site');
    await settled(world, 'site');
    world.change('site', undefined, world.entries.get('site')?.revision ?? 0);
    expect(await settled(world, 'site')).toEqual(['a', ['a']]);
    expect(b.names.get('site')?.replica).toBe('a');
  });

  it('that are written again by the hundred, since the bucket was lost, keep no newcomer waiting', async () => {
    const world = new World(2);
    const [a] = places(world);
    const names = Array.from({ length: 400 }, (_, n) => `site-${n}`);
    for (const name of names) await a.connect(name);
    await settled(world, 'site-0');
    world.entries.clear();
    a.names.beginReplay();
    a.names.endReplay();
    await a.connect('newcomer');
    expect(world.entries.size).toBeLessThan(names.length / 2);
    for (const name of names) expect(await settled(world, name)).toEqual(['a', ['a']]);
  });

  it('that were let go of are told to be gone, though somebody took and freed them meanwhile', async () => {
    const { world, a, revision } = await letGo();
    a.names.take({ type: 'entry', name: 'site', revision: revision + 2, entry: undefined });
    a.changes.length = 0;
    await settled(world, 'site');
    expect(a.changes).toEqual([['site', 'b']]);
  });

  it('that were let go of and taken are told when they are taken, and never again', async () => {
    const { world, a, revision } = await letGo();
    a.changes.length = 0;
    const entry = { replica: 'b', generation: 1, endpoint: new Endpoint('site') };
    a.names.take({ type: 'entry', name: 'site', revision: revision + 1, entry });
    await settled(world, 'site');
    expect(a.changes).toEqual([['site', 'a']]);
  });

  it('are asked for by nobody whose newcomer has gone while it waited for a silent replica', async () => {
    const world = new World(1);
    const [a, b] = places(world);
    await a.connect('site');
    await settled(world, 'site');
    a.isSilent = true;
    let isWanted = true;
    const claiming = b.names.claim(
      new Endpoint('site', {}, {}, EndpointState.READY),
      () => isWanted,
      () => b.sessions.set('site', {}),
    );
    while (b.waits.length < 2) await turn();
    isWanted = false;
    a.isSilent = false;
    await claiming;
    expect(await settled(world, 'site')).toEqual(['a', ['a']]);
  });

  it('that cannot be written again, or deleted, are tried again', async () => {
    const world = new World(2);
    const [a, b] = places(world);
    for (const name of ['kept', 'gone']) await a.connect(name);
    await settled(world, 'kept');
    a.failures = 2;
    a.disconnect('gone');
    await settled(world, 'gone');
    world.change('kept', undefined, world.entries.get('kept')?.revision ?? 0);
    expect(await settled(world, 'kept')).toEqual([undefined, ['a']]);
    expect(await settled(world, 'gone')).toEqual(['a', []]);
    a.names.retry();
    expect(await settled(world, 'kept')).toEqual(['a', ['a']]);
    expect(await settled(world, 'gone')).toEqual([undefined, []]);
    expect([b.names.get('kept')?.replica, b.names.get('gone')]).toEqual(['a', undefined]);
  });

  it('that were taken from another replica are told to have changed, even if the newcomer has gone by then', async () => {
    const world = new World(4);
    const [a, b] = places(world);
    await a.connect('site');
    await settled(world, 'site');
    b.changes.length = 0;
    a.isDead = true;
    await b.names.claim(
      new Endpoint('site', {}, {}, EndpointState.READY),
      () => world.entries.get('site')?.entry?.replica !== 'b',
      () => b.sessions.set('site', {}),
    );
    expect(await settled(world, 'site')).toEqual([undefined, []]);
    expect(b.changes[0]).toEqual(['site', 'a']);
  });

  it('are counted for each replica, but for a forged one, that of the hub', async () => {
    const world = new World(4);
    const [a, b] = places(world);
    await a.connect('site-1');
    await b.connect('site-2');
    await b.connect('site-3');
    world.change('server', { replica: 'b', generation: 9, endpoint: new Endpoint('server') }, 0);
    await settled(world, 'site-1');
    expect([...a.names.count()].sort()).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
  });

  it('of newcomers that have gone before their turn came are written by nobody', async () => {
    const world = new World(5);
    const [a] = places(world);
    let isThere = true;
    a.isFrozen = true;
    const claiming = a.names.claim(
      new Endpoint('site', {}, {}, EndpointState.READY),
      () => isThere,
      () => a.sessions.set('site', {}),
    );
    await turn();
    isThere = false;
    a.isFrozen = false;
    await claiming;
    expect(await settled(world, 'site')).toEqual([undefined, []]);
    expect(world.entries.has('site')).toBe(false);
  });

  it('that are asked for while the answer to our own write is on its way are let go of behind that', async () => {
    const world = new World(6);
    const [a] = places(world);
    const connecting = a.connect('site');
    while (world.entries.get('site') === undefined) await turn();
    a.isFrozen = true;
    const { revision = 0 } = world.entries.get('site') ?? {};
    const answering = a.names.answerRelease({ name: 'site', revision, by: 'b', rule: 'newcomer' });
    a.isFrozen = false;
    expect(await answering).toEqual({ isReleased: true });
    expect([...a.sessions]).toEqual([]);
    await connecting;
    await settled(world, 'site');
    expect([...a.sessions]).toEqual([]);
  });

  it.each(Array.from({ length: 20 }, (_, seed) => seed))(
    'that were taken while the answer to our own write was on its way are not ours: seed %i',
    async (seed) => {
      const world = new World(seed);
      const [a, b] = places(world);
      const connecting = a.connect('site').catch(() => undefined);
      while (world.entries.get('site') === undefined) await turn();
      a.isFrozen = true;
      await b.connect('site');
      a.isFrozen = false;
      await connecting;
      expect(await settled(world, 'site')).toEqual(['b', ['b']]);
    },
  );

  it('of a claim that was given up are free', async () => {
    const world = new World(3);
    const [a] = places(world);
    let isWanted = true;
    const claim = a.names.claim(
      new Endpoint('site'),
      () => isWanted,
      () => a.sessions.set('site', {}),
    );
    await turn();
    isWanted = false;
    await claim;
    expect(await settled(world, 'site')).toEqual([undefined, []]);
  });

  it('stay with the incumbent where the rule says so, and the newcomer is refused', async () => {
    const world = new World(4);
    const [a, b] = places(world, 'incumbent');
    await a.connect('site');
    await settled(world, 'site');
    await expect(b.connect('site')).rejects.toMatchObject({ code: 'NOT_READY', detail: 'name-taken' });
    expect(await settled(world, 'site')).toEqual(['a', ['a']]);
  });

  it('are compared when the directory was read again: what is missing is written, what was taken is given up', async () => {
    const world = new World(5);
    const [a, b] = places(world);
    for (const name of ['kept', 'missing', 'taken', 'stale']) await a.connect(name);
    a.disconnect('stale');
    await settled(world, 'kept');
    const entryOf = (name: string, replica: string): Entry => ({
      replica,
      generation: 99,
      endpoint: new Endpoint(name, {}, {}, EndpointState.READY),
    });
    // NATS has lost its memory, and counts from 1 again.
    const kept = world.entries.get('kept')?.entry;
    world.entries.clear();
    a.names.beginReplay();
    const replay: [string, Entry | undefined][] = [
      ['kept', kept],
      ['taken', entryOf('taken', 'b')],
      ['stale', entryOf('stale', 'a')],
    ];
    replay.forEach(([name, entry], n) => {
      world.entries.set(name, { entry, revision: n + 1 });
      a.names.take({ type: 'entry', name, revision: n + 1, entry });
    });
    a.names.endReplay();
    expect(await settled(world, 'missing')).toEqual(['a', ['a']]);
    expect(await settled(world, 'kept')).toEqual(['a', ['a']]);
    expect(await settled(world, 'stale')).toEqual([undefined, []]);
    expect(a.sessions.has('taken')).toBe(false);
    expect(world.entries.get('taken')?.entry?.replica).toBe('b');
    expect(b.sessions.size).toBe(0);
  });
});
