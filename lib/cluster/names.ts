import { RequestError } from '@nats-io/transport-node';
import { lastValueFrom } from 'rxjs';

import type { ReplicaHost } from '../cluster-contract.js';
import { CommError, CommErrorCode, messageOf } from '../comm-error.js';
import type { Endpoint } from '../endpoint.js';
import { logger } from '../log.js';
import { isWatcher } from '../watcher.js';
import { type Directory, type DirectoryEvent, type Entry, MAX_WRITES } from './directory.js';
import type { ReleaseAnswer, ReleaseRequest } from './release.js';
import { Semaphore } from './semaphore.js';

const log = logger('cluster');

/** How long to wait before a holder that did not answer is asked again, and before an entry is read again. */
const AGAIN_MS = 50;

/** The longest such wait for a holder, twice the one before. */
const MAX_AGAIN_MS = 800;

/** The part of its handshake that a newcomer waits for a holder. */
const HOLDER_PATIENCE = 5 / 8;

/** So many entries are written again at a time: a bucket that is lost costs thousands, and newcomers do not wait for all. */
const MAX_RESTORES = MAX_WRITES / 4;

/** An entry with its revision. */
export interface Known {
  readonly entry: Entry;
  readonly revision: number;
}

/** What the names need of their replica. */
export interface NamesContext {
  readonly self: string;
  readonly host: ReplicaHost;
  readonly directory: Pick<Directory, 'read' | 'write' | 'remove'>;
  readonly now: () => number;
  readonly after: (ms: number) => Promise<void>;
  /** Whether a replica may have connections: then it is asked to let go. */
  readonly mayLive: (replica: string) => boolean;
  /** Asks the holder of a name to let go of it. Rejects where it does not answer. */
  readonly requestRelease: (
    replica: string,
    request: ReleaseRequest,
    timeoutMs: number,
  ) => Promise<ReleaseAnswer>;
  /** The entry of a name has changed. @param before - the replica that had it, or has it */
  readonly changed: (name: string, before: string) => void;
}

/** A write that is on its way. */
interface Writing {
  readonly answer: Promise<number | undefined>;
  /** The latest change of the name, as the directory shows it: it may overtake the answer. */
  latest: number;
}

/** A holder that is not at NATS. One that is there and slow is no such. */
interface Silence {
  /** How long to wait before it is asked again. */
  againMs: number;
  /** Somebody waits for that, and asks: resolves when that one knows more. */
  asking: Promise<void> | undefined;
}

type EntryEvent = Extract<DirectoryEvent, { type: 'entry' }>;

/**
 * Who has which name, and the protocol by which a name goes from one replica to another:
 *
 * 1. The replica of the newcomer asks the holder to let go. The holder closes its connection first, and answers then.
 * 2. The newcomer's replica replaces the entry that it saw, by compare-and-set. Of two that try, one wins.
 * 3. A holder that does not answer is waited for until it counts as gone; one that comes back sees that its entry was
 *    replaced, and closes its connection.
 */
export class Names {
  readonly #context: NamesContext;
  #table = new Map<string, Known>();
  /** While the directory is read from its beginning. */
  #replay: Map<string, Known> | undefined;
  /** The names that are ours: each has a connection here, or is about to. */
  readonly #own = new Map<string, Known>();
  /** The names that are being written. */
  readonly #writing = new Map<string, Writing>();
  /** The names whose entries could not be written again, or deleted. */
  readonly #amiss = new Set<string>();
  /** What is done about a name waits for what was begun before. */
  readonly #turns = new Map<string, Promise<void>>();
  readonly #restores = new Semaphore(MAX_RESTORES);
  readonly #silences = new Map<string, Silence>();
  #generation = 0;

  constructor(context: NamesContext) {
    this.#context = context;
  }

  /** The entry of a name. */
  get(name: string): Entry | undefined {
    return (this.#replay?.get(name) ?? this.#table.get(name))?.entry;
  }

  /** Whether a name is ours, under this claim. */
  isOurs(name: string, generation: number): boolean {
    return this.#own.get(name)?.entry.generation === generation;
  }

  /** The names of a replica, with the revisions of their entries. */
  *of(replica: string): Generator<readonly [string, number]> {
    for (const [name, { entry, revision }] of this.#table)
      if (entry.replica === replica) yield [name, revision];
  }

  /** How many endpoints each replica has, watchers apart. Under the local name there is none: such an entry is forged. */
  count(): ReadonlyMap<string, number> {
    const { localName } = this.#context.host;
    const counts = new Map<string, number>();
    for (const [name, { entry }] of this.#table)
      if (name !== localName && !isWatcher(entry.endpoint))
        counts.set(entry.replica, (counts.get(entry.replica) ?? 0) + 1);
    return counts;
  }

  /** All names of other replicas. */
  *others(): Generator<readonly [string, Entry]> {
    for (const [name, { entry }] of this.#table)
      if (entry.replica !== this.#context.self) yield [name, entry];
  }

  /** Resolves when nothing is being done. */
  async idle(): Promise<void> {
    while (this.#turns.size > 0) await Promise.all(this.#turns.values());
  }

  /**
   * Takes a name for a newcomer, and calls `whenOurs` when it is ours.
   *
   * @param isWanted - whether the newcomer is still there
   * @returns rejects with the CommError that refuses it, or an error of NATS
   */
  claim(endpoint: Endpoint, isWanted: () => boolean, whenOurs: () => void): Promise<void> {
    return this.#inTurn(endpoint.name, async () => {
      if (!isWanted()) return;
      await this.#take(endpoint, isWanted);
      if (isWanted()) whenOurs();
      else await this.#letGo(endpoint.name);
    });
  }

  /** The last connection of a name has ended. */
  release(name: string): void {
    void this.#inTurn(name, () => this.#letGo(name));
  }

  /** Another replica wants a name. */
  async answerRelease({ name, revision, by, rule }: ReleaseRequest): Promise<ReleaseAnswer> {
    // What we write now, it may have seen.
    await this.#writing.get(name)?.answer.catch(() => undefined);
    // What we have by another revision, the compare-and-set of the other one finds out. So nobody waits for each other.
    if (this.#own.get(name)?.revision !== revision) return { isReleased: true };
    let taken: string | undefined;
    await this.#inTurn(name, async () => {
      const { host } = this.#context;
      if (rule === 'incumbent' && host.isHere(name)) taken = await reasonToKeep(host, name);
      if (taken !== undefined || this.#own.get(name)?.revision !== revision) return;
      await this.#yield(name, by);
      this.#own.delete(name);
      void this.#takeBack(name, revision, by);
    });
    return taken === undefined ? { isReleased: true } : { isReleased: false, reason: taken };
  }

  /** Does again what failed. To be called now and then, while NATS is there. */
  retry(): void {
    for (const replica of this.#silences.keys())
      if (!this.#context.mayLive(replica)) this.#silences.delete(replica);
    if (this.#replay !== undefined) return;
    const names = [...this.#amiss];
    this.#amiss.clear();
    for (const name of names) {
      const known = this.#table.get(name);
      if (known?.entry.replica === this.#context.self) this.#compare(name, known, undefined);
      else if (known === undefined && this.#own.has(name)) this.#restore(name);
    }
  }

  /** The directory is about to be read from its beginning. */
  beginReplay(): void {
    this.#replay = new Map();
  }

  /** It was read. */
  endReplay(): void {
    const before = this.#table;
    const { self } = this.#context;
    this.#table = this.#replay ?? before;
    this.#replay = undefined;
    for (const [name, { entry }] of before)
      if (entry.replica !== self && !this.#table.has(name)) this.#context.changed(name, entry.replica);
    for (const [name, known] of this.#table) this.#compare(name, known, before.get(name)?.entry.replica);
    for (const name of this.#own.keys()) if (!this.#table.has(name)) this.#restore(name);
  }

  /** Takes a change of the directory. */
  take({ name, revision, entry }: EntryEvent): void {
    const table = this.#replay ?? this.#table;
    const before = table.get(name);
    const writing = this.#writing.get(name);
    if (writing !== undefined) writing.latest = revision;
    // What we wrote comes back.
    if (before !== undefined && revision <= before.revision) return;
    if (entry === undefined) table.delete(name);
    else table.set(name, { entry, revision });
    if (this.#replay !== undefined) return;
    if (entry !== undefined) this.#compare(name, { entry, revision }, before?.entry.replica);
    else if (this.#own.has(name)) this.#restore(name);
    else if (before !== undefined) this.#context.changed(name, before.entry.replica);
  }

  /** What an entry means for what we have and know. */
  #compare(name: string, known: Known, before: string | undefined): void {
    const { self, changed } = this.#context;
    const own = this.#own.get(name);
    if (known.entry.replica !== self) {
      // Somebody took us for gone, so our connection ends.
      if (this.#own.delete(name)) void this.#yield(name, known.entry.replica);
      changed(name, before ?? known.entry.replica);
      return;
    }
    // While it is written, `#write` tells: the newcomer is to be here first.
    if (before !== undefined && before !== self && !this.#writing.has(name)) changed(name, before);
    if (own?.entry.generation === known.entry.generation) this.#own.set(name, known);
    else if (own === undefined) this.#cleanUp(name, known.revision);
  }

  async #take(endpoint: Endpoint, isWanted: () => boolean): Promise<void> {
    const { name } = endpoint;
    const { self, host, directory, now, after } = this.#context;
    // A holder may take half of the time of a handshake to hear whether its site lives.
    const deadline = now() + host.settings.handshakeTimeoutMs * HOLDER_PATIENCE;
    let known = this.#replay?.get(name) ?? this.#table.get(name);
    let before = known?.revision ?? 0;
    for (;;) {
      if (known !== undefined && known.entry.replica !== self)
        await this.#requestRelease(name, known, deadline, isWanted);
      if (!isWanted()) return;
      const generation = this.#own.get(name)?.entry.generation ?? (this.#generation += 1);
      const entry = { replica: self, generation, endpoint };
      const written = await this.#write(entry, before, isWanted);
      if (written === 'ours' || !isWanted()) return;
      if (written === 'overtaken') throw notFree(name, 'a newer connection at another replica has it');
      if (now() > deadline) throw notFree(name, 'others want it too');
      const read = await directory.read(name);
      // A read may be behind.
      if (read.revision === before) await after(AGAIN_MS);
      known = read.entry && { entry: read.entry, revision: read.revision };
      // Of an entry that cannot be read too, which is replaced.
      before = read.revision;
    }
  }

  /** Returns when the holder has let go of a name, or is gone. */
  async #requestRelease(
    name: string,
    { entry, revision }: Known,
    deadline: number,
    isWanted: () => boolean,
  ): Promise<void> {
    const { self, host, now, mayLive } = this.#context;
    const { duplicateName: rule } = host.settings;
    const { replica } = entry;
    while (mayLive(replica) && isWanted()) {
      const left = deadline - now();
      if (left <= 0) throw notFree(name, `replica ${replica}, which has it, gives no answer`);
      const answer = await this.#ask(replica, { name, revision, by: self, rule }, left, isWanted);
      if (answer?.isReleased === true) return;
      if (answer !== undefined)
        throw new CommError(CommErrorCode.NOT_READY, answer.reason, { detail: 'name-taken' });
    }
  }

  /**
   * Asks a holder. Of one that has died thousands of newcomers want names: once NATS says that it is not there, one at a time
   * asks it, and the others wait for what that one hears.
   *
   * @returns `undefined` where it is not answered yet
   */
  async #ask(
    replica: string,
    request: ReleaseRequest,
    timeoutMs: number,
    isWanted: () => boolean,
  ): Promise<ReleaseAnswer | undefined> {
    const { after, requestRelease } = this.#context;
    const ask = async () => {
      // Its newcomer may have gone while it waited, and the holder would let go for nobody.
      if (!isWanted()) return { answer: undefined, isThere: false, wasAsked: false };
      try {
        return { answer: await requestRelease(replica, request, timeoutMs), isThere: true, wasAsked: true };
      } catch (error) {
        const isThere = !(error instanceof RequestError && error.isNoResponders());
        return { answer: undefined, isThere, wasAsked: true };
      }
    };
    const silence = this.#silences.get(replica);
    if (silence === undefined) {
      const { answer, isThere } = await ask();
      if (!isThere && !this.#silences.has(replica))
        this.#silences.set(replica, { againMs: AGAIN_MS, asking: undefined });
      // A connection to NATS that is closed fails at once.
      if (isThere && answer === undefined) await after(Math.min(AGAIN_MS, timeoutMs));
      return answer;
    }
    if (silence.asking !== undefined) {
      await silence.asking;
      return undefined;
    }
    const asked = after(Math.min(silence.againMs, timeoutMs)).then(ask);
    silence.asking = asked.then(({ isThere, wasAsked }) => {
      silence.asking = undefined;
      if (wasAsked) silence.againMs = Math.min(2 * silence.againMs, MAX_AGAIN_MS);
      if (isThere) this.#silences.delete(replica);
    });
    return (await asked).answer;
  }

  async #letGo(name: string): Promise<void> {
    const own = this.#own.get(name);
    if (own === undefined || this.#context.host.isHere(name)) return;
    this.#own.delete(name);
    await this.#free(name, own.revision);
  }

  /** A name that was let go of, and that nobody took or that its taker has freed, is free. */
  async #takeBack(name: string, revision: number, by: string): Promise<void> {
    const { self, host, after, changed } = this.#context;
    await after(host.settings.handshakeTimeoutMs);
    if (this.#own.has(name)) return;
    if (this.#table.get(name)?.revision === revision) this.#cleanUp(name, revision);
    const holder = this.get(name)?.replica;
    if (holder === undefined || holder === self) changed(name, by);
  }

  /** Somebody took us for gone: the entry of a connection that lives is written again. */
  #restore(name: string): void {
    const { host, directory } = this.#context;
    const restore = async (): Promise<void> => {
      const own = this.#own.get(name);
      if (own === undefined || this.#table.has(name)) return;
      if (!host.isHere(name)) {
        this.#own.delete(name);
        return;
      }
      if ((await this.#write(own.entry, 0, () => true)) === 'ours') return;
      const { revision, entry } = await directory.read(name);
      // What is there cannot be read, so nobody has it.
      if (entry === undefined && (await this.#write(own.entry, revision, () => true)) === 'ours') return;
      this.take({ type: 'entry', name, revision, entry });
    };
    this.#restores
      .run(() => this.#inTurn(name, restore))
      .catch((error: unknown) => {
        this.#amiss.add(name);
        log('%s is not written again: %s', name, messageOf(error));
      });
  }

  /** An entry of ours stands for no connection. */
  #cleanUp(name: string, revision: number): void {
    void this.#inTurn(name, async () => {
      if (!this.#own.has(name)) await this.#free(name, revision);
    });
  }

  async #free(name: string, revision: number): Promise<void> {
    try {
      await this.#context.directory.remove(name, revision);
    } catch (error) {
      this.#amiss.add(name);
      log('%s is not freed: %s', name, messageOf(error));
    }
  }

  async #yield(name: string, replica: string): Promise<void> {
    await lastValueFrom(this.#context.host.yield(name, replica), { defaultValue: undefined });
  }

  /**
   * Writes an entry of ours.
   *
   * @returns `conflict` where the entry before has changed, or ours is not wanted any more; `overtaken` where ours was
   * written, and replaced by now
   */
  async #write(
    entry: Entry,
    before: number,
    isWanted: () => boolean,
  ): Promise<'ours' | 'conflict' | 'overtaken'> {
    const { name } = entry.endpoint;
    const { self, directory, changed } = this.#context;
    const replaced = this.get(name)?.replica;
    const writing: Writing = { answer: directory.write(entry, before, isWanted), latest: 0 };
    this.#writing.set(name, writing);
    try {
      const revision = await writing.answer;
      if (revision === undefined) return 'conflict';
      if (writing.latest > revision) return 'overtaken';
      const known = { entry, revision };
      this.#own.set(name, known);
      (this.#replay ?? this.#table).set(name, known);
      return 'ours';
    } finally {
      this.#writing.delete(name);
      // What is ours by now comes back as nothing new.
      if (replaced !== undefined && replaced !== self && this.get(name)?.replica === self)
        changed(name, replaced);
    }
  }

  #inTurn(name: string, act: () => Promise<void>): Promise<void> {
    const before = this.#turns.get(name) ?? Promise.resolve();
    const done = before.then(act);
    const settled = done
      .catch(() => undefined)
      .then(() => {
        if (this.#turns.get(name) === settled) this.#turns.delete(name);
      });
    this.#turns.set(name, settled);
    return done;
  }
}

async function reasonToKeep(host: ReplicaHost, name: string): Promise<string | undefined> {
  try {
    await lastValueFrom(host.contest(name), { defaultValue: undefined });
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Nobody has decided on the newcomer, so it is not told that it is refused, and tries again. */
function notFree(name: string, detail: string): CommError {
  return new CommError(CommErrorCode.ERROR, `cluster: the name ${name} is not free: ${detail}`);
}
