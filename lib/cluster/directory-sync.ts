import { firstValueFrom, from, lastValueFrom, mergeMap, Subject } from 'rxjs';

import { CommError, CommErrorCode, messageOf } from '../comm-error.js';
import { logger } from '../log.js';
import type { Directory, DirectoryEvent } from './directory.js';
import type { Membership } from './membership.js';
import type { Names } from './names.js';

const log = logger('cluster');

/** How long it may take to read the directory: 100,000 endpoints take seconds. */
const READ_TIMEOUT_MS = 60_000;

/** How long to wait before it is read again. */
const AGAIN_MS = 500;

/** How many entries that others have left are deleted at a time: newcomers write too, and would wait behind all. */
const REMOVALS = 16;

/** What keeps us and the directory in step needs these. */
export interface DirectorySyncContext {
  readonly self: string;
  readonly localName: string;
  readonly directory: Directory;
  readonly names: Names;
  readonly members: Membership;
  /** Ends early when the replica has left. */
  readonly after: (ms: number) => Promise<void>;
  /** What the directory has cannot be read. */
  readonly reject: (reason: string) => void;
  /** All endpoints of the others are known. */
  readonly whenRead: () => void;
  /** Hears when `isConnected` changes. */
  readonly changed: (isConnected: boolean) => void;
}

/*
 * Each state is an object of its own, so what waits knows by it whether its time is over.
 *
 *   away --start, resume--> reading --all is known--> connected --check--> checking
 *    ^                       | ^                        | ^_________________| |
 *    |                       | \________________________|__the bucket is gone_/
 *    \_______________________|__________________________|______suspend
 */
interface State {
  readonly type: 'away' | 'reading' | 'connected' | 'checking';
}

/** Keeps us and the directory in step: reads all of it, follows it, and looks after what it has. */
export class DirectorySync {
  readonly #context: DirectorySyncContext;
  readonly #markers = new Subject<number>();
  /** Gone replicas whose entries are being deleted. */
  readonly #cleaning = new Set<string>();
  #state: State = { type: 'away' };

  constructor(context: DirectorySyncContext) {
    this.#context = context;
  }

  /** Whether NATS is there, and all endpoints of the others are known. */
  get isConnected(): boolean {
    return this.#state.type === 'connected' || this.#state.type === 'checking';
  }

  /**
   * Reads the directory for the first time.
   *
   * @throws CommError `TIMEOUT` where it takes too long, `NOT_READY` where NATS goes away meanwhile; errors of NATS
   */
  async start(): Promise<void> {
    await this.#read(this.#become('reading'));
    if (!this.isConnected)
      throw new CommError(CommErrorCode.NOT_READY, 'cluster: NATS went away while the endpoints were read');
  }

  /** Reads it again, as often as it takes: what has changed meanwhile is not known. */
  async resume(): Promise<void> {
    for (;;) {
      // What an attempt that took too long still waits for is not that of the next one.
      const reading = this.#become('reading');
      try {
        await this.#read(reading);
        return;
      } catch (error) {
        log('the endpoints cannot be read again: %s', messageOf(error));
      }
      await this.#context.after(AGAIN_MS);
      if (this.#state !== reading) return;
    }
  }

  /** NATS is away. */
  suspend(): void {
    this.#become('away');
  }

  /** Follows it no more. */
  close(): void {
    this.suspend();
    this.#context.directory.close();
    this.#markers.complete();
  }

  /** Removes our marker: nothing is left of us. */
  async unmark(): Promise<void> {
    await this.#context.directory.unmark(this.#context.self);
  }

  /** Does what failed before, deletes what others have left, and looks whether the bucket is there. To be called now and then. */
  tend(): void {
    if (!this.isConnected) return;
    this.#context.names.retry();
    this.#cleanUp();
    void this.#check();
  }

  /** The one place that changes the state. */
  #become(type: State['type']): State {
    const { isConnected: before } = this;
    const state = { type };
    this.#state = state;
    if (before !== this.isConnected) this.#context.changed(!before);
    return state;
  }

  async #read(reading: State): Promise<void> {
    const { after } = this.#context;
    const late = after(READ_TIMEOUT_MS).then(() => {
      throw new CommError(
        CommErrorCode.TIMEOUT,
        `cluster: no answer of JetStream within ${READ_TIMEOUT_MS} ms`,
      );
    });
    await Promise.race([this.#readAll(reading), late]);
  }

  /** Everything that was there is known when the marker comes back that we write when we begin to watch. */
  async #readAll(reading: State): Promise<void> {
    const { self, directory, names, whenRead } = this.#context;
    let seen = 0;
    const seeing = this.#markers.subscribe((revision) => (seen = revision));
    try {
      names.beginReplay();
      await directory.watch(
        (event) => this.#take(event),
        () => this.#noteWatchEnded(),
      );
      if (this.#state !== reading) return;
      const mark = await directory.mark(self);
      while (seen < mark) await firstValueFrom(this.#markers);
      if (this.#state !== reading) return;
      names.endReplay();
      whenRead();
      this.#become('connected');
    } finally {
      seeing.unsubscribe();
    }
  }

  #take(event: DirectoryEvent): void {
    const { localName, names, members, reject } = this.#context;
    if (event.type === 'broken') reject('an entry of the directory cannot be read');
    else if (event.type === 'marker') this.#takeMarker(event);
    else {
      if (event.name === localName && event.entry !== undefined)
        reject('an entry of the directory has the local name');
      // An entry may be left of a dead one: after a crash NATS shows even some that were deleted.
      if (event.entry !== undefined) members.noteTrace(event.entry.replica);
      names.take(event);
    }
  }

  #noteWatchEnded(): void {
    if (this.isConnected) void this.resume();
  }

  #takeMarker({ replica, revision, isGone }: Extract<DirectoryEvent, { type: 'marker' }>): void {
    const { self, directory, members } = this.#context;
    if (replica === self) {
      if (!isGone) this.#markers.next(revision);
      // Somebody took us for gone.
      else directory.mark(self).catch(() => undefined);
    } else if (!isGone) members.noteTrace(replica);
  }

  #cleanUp(): void {
    const { names, members } = this.#context;
    for (const replica of members.abandoned) {
      if (this.#cleaning.has(replica)) continue;
      this.#cleaning.add(replica);
      this.#removeAll(replica, [...names.of(replica)])
        .catch((error: unknown) => log('%s is not cleaned up: %s', replica, messageOf(error)))
        .finally(() => this.#cleaning.delete(replica));
    }
  }

  async #removeAll(replica: string, left: readonly (readonly [string, number])[]): Promise<void> {
    const { directory, names, members } = this.#context;
    const remove = async ([name, revision]: readonly [string, number]): Promise<void> => {
      // Most of them come in elsewhere meanwhile, or the replica is back.
      if (names.get(name)?.replica === replica && !members.mayLive(replica))
        await directory.remove(name, revision);
    };
    await lastValueFrom(from(left).pipe(mergeMap(remove, REMOVALS)), { defaultValue: undefined });
    if (members.mayLive(replica)) return;
    await directory.unmark(replica);
    if (left.length === 0) members.forget(replica);
  }

  /** NATS tells nobody that the bucket is gone: then it is made anew, and each replica writes what it has. */
  async #check(): Promise<void> {
    if (this.#state.type !== 'connected') return;
    const { self, directory } = this.#context;
    const checking = this.#become('checking');
    const isThere = await directory.hasMark(self).catch((error: unknown) => {
      log('the bucket cannot be read: %s', messageOf(error));
      // No answer in time says nothing: NATS is slow.
      return error instanceof Error && error.name === 'TimeoutError';
    });
    if (this.#state !== checking) return;
    if (isThere) this.#become('connected');
    else await this.resume();
  }
}
