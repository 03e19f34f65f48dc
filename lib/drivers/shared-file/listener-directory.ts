import { join } from 'node:path';

import { CommError, CommErrorCode } from '../../comm-error.js';
import { logger } from '../../log.js';
import { markClosed, removeConnectionDirectory } from './connection-directory.js';
import { removeFile } from './files.js';
import { CONNECTIONS_DIRECTORY, LISTENER_LEASE } from './layout.js';
import { isOwned, removeOwned } from './owned-directory.js';
import type { Tuning } from './tuning.js';

const log = logger('shared-file');

/** The directories of this process that have a listener or connections, by real path. */
const directories = new Map<string, ListenerDirectory>();

/**
 * A listener's directory in this process. It outlives its listener while connections are left, so that the next
 * listener does not take them for its own. When the last is gone, a directory that `resolveUrls` made is removed.
 */
export class ListenerDirectory {
  readonly path: string;
  /** Where the connections are. */
  readonly connections: string;
  readonly lease: string;
  /** Connections that go on. */
  readonly #live = new Set<string>();
  /** Directories of connections that have ended, and when they did. */
  readonly #ended = new Map<string, number>();
  readonly #ignored = new Set<string>();
  #isListening = false;
  /** Steps that were begun. Never rejects. */
  #steps: Promise<unknown> = Promise.resolve();

  private constructor(path: string) {
    this.path = path;
    this.connections = join(path, CONNECTIONS_DIRECTORY);
    this.lease = join(path, LISTENER_LEASE);
  }

  /**
   * Claims a directory for a listener.
   *
   * @param path - its real path
   * @throws CommError `BAD_CONFIG` where another listener of this process has it
   */
  static claim(path: string): ListenerDirectory {
    const directory = directories.get(path) ?? new ListenerDirectory(path);
    if (directory.#isListening)
      throw new CommError(CommErrorCode.BAD_CONFIG, `${path} has a listener already`);
    directory.#isListening = true;
    directories.set(path, directory);
    return directory;
  }

  /** Resolves when the listener before is out of the way. */
  async ready(): Promise<void> {
    await this.#steps;
  }

  /** Runs a step of the listener after those begun before, so that none is half done when the lease goes. */
  run<T>(step: () => Promise<T>): Promise<T> {
    const done = this.#steps.then(step);
    this.#steps = done.catch(() => undefined);
    return done;
  }

  /** Whether an entry of this name was met before. */
  knows(name: string): boolean {
    return this.#live.has(name) || this.#ended.has(name) || this.#ignored.has(name);
  }

  /** Notes an entry that is no connection, or was refused: it is not looked at again. */
  ignore(name: string): void {
    this.#ignored.add(name);
  }

  /** Forgets ignored entries that are not there any more. */
  retain(names: readonly string[]): void {
    if (this.#ignored.size === 0) return;
    const present = new Set(names);
    for (const name of this.#ignored) if (!present.has(name)) this.#ignored.delete(name);
  }

  /** Notes a connection. */
  enter(name: string): void {
    this.#live.add(name);
  }

  /** Notes the end of a connection; the other side may still read. */
  leave(name: string): Promise<void> {
    this.#live.delete(name);
    this.#ended.set(name, performance.now());
    return this.#tidy(() => Promise.resolve());
  }

  /** Notes a directory that is left of a connection of another listener. */
  async condemn(name: string, tuning: Tuning): Promise<void> {
    this.#ended.set(name, performance.now());
    await markClosed(join(this.connections, name), tuning);
  }

  /**
   * Removes what ended more than two `lease_timeout`s ago, by our own clock, as NVFlare does. What cannot be removed
   * is tried again after as long.
   */
  async collect({ leaseTimeoutMs }: Tuning): Promise<void> {
    const now = performance.now();
    for (const [name, endedAt] of this.#ended) {
      // They are in the order of their ends.
      if (now - endedAt <= 2 * leaseTimeoutMs) return;
      const isGone = await removeConnectionDirectory(join(this.connections, name));
      this.#ended.delete(name);
      if (!isGone) this.#ended.set(name, now);
    }
  }

  /**
   * Ends the listener; the directory is free at once.
   *
   * @param isOurLease - it came so far as to take the lease
   */
  release(isOurLease: boolean): void {
    this.#isListening = false;
    // Without a lease no peer waits to be adopted.
    void this.#tidy(() => (isOurLease ? removeFile(this.lease) : Promise.resolve()));
  }

  /** Takes a step, and removes the directory where it was the last one. */
  #tidy(step: () => Promise<void>): Promise<void> {
    const tidied = this.run(async () => {
      await step();
      await this.#removeUnused();
    });
    return tidied.catch((error: unknown) => log('%s: %s', this.path, error));
  }

  async #removeUnused(): Promise<void> {
    if (this.#isUsed()) return;
    // Of any user, since this process was given it to listen in.
    if (await isOwned(this.path, undefined)) await removeOwned(this.path);
    if (!this.#isUsed()) directories.delete(this.path);
  }

  #isUsed(): boolean {
    return this.#isListening || this.#live.size > 0;
  }
}
