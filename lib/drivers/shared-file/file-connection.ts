import { BehaviorSubject, EMPTY, filter, merge, type Observable, skip, Subscription, switchMap } from 'rxjs';

import { logger } from '../../log.js';
import { BaseConnection } from '../../transport/base-connection.js';
import { FrameSplitter } from '../../wire/frame-splitter.js';
import { allocateFrame } from '../node/allocate-unsafe.js';
import { fromFileError } from './file-errors.js';
import { createFile, exists, removeFile, touch } from './files.js';
import { CLOSED_MARKER, closedPath, leasePath, otherSide, type Side } from './layout.js';
import { judgeLease, keepLease } from './lease.js';
import { LogOutbox } from './log-outbox.js';
import { LogReader } from './log-reader.js';
import { tailLog } from './tail-log.js';
import type { Owners } from './trust.js';
import type { Tuning } from './tuning.js';
import { untilGone } from './until-gone.js';
import { watchDirectory } from './watch-directory.js';

const log = logger('shared-file');

/** The directory of a connection, and how to use it. */
export interface ConnectionPlace {
  /** A complete connection directory that has our lease. */
  readonly directory: string;
  readonly side: Side;
  /** Whose files in it are used. */
  readonly owners: Owners;
  readonly tuning: Tuning;
  /** Whether to watch the directory for changes, beside polling. */
  readonly watches: boolean;
  /** How long, in milliseconds, a clean close waits for the other side to read what is left. 0: it does not wait. */
  readonly lingerMs: number;
  /** Called when the connection has released everything; `close` waits for it. */
  readonly released?: () => Promise<void>;
}

/**
 * Frames in two append-only logs of a shared directory, as NVFlare 2.9 has them (`file_driver.py`): ours gets
 * one append a tick, the other side's is polled.
 */
export class FileConnection extends BaseConnection {
  protected override readonly finishesInOrder = true;
  readonly #place: ConnectionPlace;
  readonly #outbox: LogOutbox;
  readonly #reader: LogReader;
  readonly #splitter = new FrameSplitter(allocateFrame);
  readonly #open = new BehaviorSubject(true);
  /** Everything that runs until the end. */
  readonly #life = new Subscription();
  readonly #judging = new Subscription();
  #touching: Promise<void> = Promise.resolve();
  #farewell: Promise<void> = Promise.resolve();

  constructor(place: ConnectionPlace) {
    const { directory, side, owners, tuning } = place;
    super({ local_addr: `${directory}#${side}`, peer_addr: `${directory}#${otherSide(side)}` });
    this.#place = place;
    this.#reader = new LogReader(directory, otherSide(side), tuning.maxLogBytes, owners);
    this.#outbox = new LogOutbox(directory, side, tuning, owners, {
      written: () => this.wrote(),
      read: () => this.alive(),
      failed: this.#fail,
    });
    const touchLease = () => (this.#touching = touch(leasePath(directory, side), tuning.fileMode, owners));
    this.#life.add(keepLease(touchLease, tuning).subscribe({ error: this.#fail }));
  }

  override get bufferedBytes(): number {
    return this.#outbox.bytes;
  }

  override get bufferedFrames(): number {
    return this.#outbox.frames;
  }

  protected override write(head: Uint8Array, payload?: Uint8Array): void {
    this.#outbox.add(head, payload);
  }

  protected override startReading(): void {
    const { directory, side, owners, tuning } = this.#place;
    this.#open.next(!this.isPaused);
    const source = {
      read: () => this.#reader.read(this.#splitter.pendingBytes === 0),
      isClosed: () => this.#seesEnd(),
      open$: this.#open.asObservable(),
      wake$: merge(this.#peerChanges(), this.#open.pipe(skip(1))),
    };
    this.#life.add(
      tailLog(source, tuning).subscribe({
        next: (chunk) => this.#deliver(chunk),
        error: this.#fail,
        complete: () => this.#peerEnded(),
      }),
    );
    // Paused, it does not judge: a side that ended long ago may have left frames to read.
    const peerLease = leasePath(directory, otherSide(side));
    const judged$ = this.#open.pipe(
      switchMap((isOpen) =>
        isOpen ? judgeLease(peerLease, owners, () => this.#reader.total, tuning) : EMPTY,
      ),
    );
    this.#judging.add(judged$.subscribe({ next: () => this.alive(), error: this.#fail }));
    this.#life.add(this.#judging);
  }

  protected override pauseReading(): void {
    this.#open.next(false);
  }

  protected override resumeReading(): void {
    this.#open.next(true);
  }

  protected override finishWriting(): void {
    this.#farewell = this.#sayFarewell().catch(this.#fail);
  }

  protected override async release(): Promise<void> {
    const { directory, side, tuning, released } = this.#place;
    this.#life.unsubscribe();
    const steps = [
      // The log is closed before the mark, so that a peer which sees the mark can see all frames.
      () => this.#outbox.stop(),
      () => this.#farewell,
      () => this.#reader.close(),
      () => this.#touching,
      () => createFile(closedPath(directory), tuning.fileMode),
      // Tells a listener of rxflare that the directory is no longer needed.
      () => (side === 'active' ? removeFile(leasePath(directory, side)) : Promise.resolve()),
      () => released?.() ?? Promise.resolve(),
    ];
    for (const step of steps) {
      await step().catch((error: unknown) => log('%s while it is released: %s', this.describe(), error));
    }
  }

  /** Writes everything; where it lingers, marks the end and waits for the other side to read. */
  async #sayFarewell(): Promise<void> {
    const { directory, side, tuning, lingerMs } = this.#place;
    await this.#outbox.finish();
    if (lingerMs === 0) {
      this.end();
      return;
    }
    await createFile(closedPath(directory), tuning.fileMode);
    if (this.#life.closed) return;
    this.endAfter(lingerMs);
    const gone$ = untilGone(leasePath(directory, otherSide(side)), tuning);
    this.#life.add(gone$.subscribe({ next: () => this.end(), error: this.#fail }));
  }

  #deliver(chunk: Uint8Array): void {
    this.alive();
    try {
      this.#splitter.push(chunk);
      let frame: Uint8Array | undefined;
      while (!this.#life.closed && (frame = this.#splitter.shift(this.maxFrameBytes)) !== undefined) {
        this.receive(frame);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  async #seesEnd(): Promise<boolean> {
    // Both sides mark their end by the same file, which is ours now.
    if (this.isFinishing) return false;
    const isClosed = await exists(closedPath(this.#place.directory));
    // A side that has ended touches its lease no more.
    if (isClosed) this.#judging.unsubscribe();
    return isClosed;
  }

  #peerEnded(): void {
    try {
      this.#splitter.finish();
      this.end();
    } catch (error) {
      this.#fail(error);
    }
  }

  #peerChanges(): Observable<string> {
    const { directory, side, watches } = this.#place;
    const prefix = `${otherSide(side)}.`;
    return watchDirectory(directory, watches).pipe(
      filter((name) => name.startsWith(prefix) || name === CLOSED_MARKER),
    );
  }

  readonly #fail = (error: unknown): void => this.end(fromFileError(error, this.describe()));
}
