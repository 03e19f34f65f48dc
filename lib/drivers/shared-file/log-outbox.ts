import { lastValueFrom, ReplaySubject, takeUntil } from 'rxjs';

import { logPath, type Side } from './layout.js';
import { LogQueue, type Portion } from './log-queue.js';
import { LogWriter } from './log-writer.js';
import type { Tuning } from './tuning.js';
import type { Owners } from './trust.js';
import { untilGone } from './until-gone.js';

/** The most full logs that wait for the reader, which deletes a log when it has read it. */
const MAX_UNREAD_LOGS = 4;

const NOTHING: Portion = { pieces: [], bytes: 0, frames: 0, endsLog: false };

/** Callbacks of an outbox. */
export interface OutboxEvents {
  /** Less is waiting than before. */
  readonly written: () => void;
  /** The reader has deleted the log that the outbox waited for. */
  readonly read: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * The way out of a connection: gathers the frames of one tick into one append, one append at a time.
 *
 * A file is never full. To keep a slow reader from filling the disk, the outbox writes nothing while four full logs
 * wait for the reader.
 */
export class LogOutbox {
  readonly #directory: string;
  readonly #side: Side;
  readonly #tuning: Tuning;
  readonly #events: OutboxEvents;
  readonly #queue: LogQueue;
  readonly #writer: LogWriter;
  /** Once it emits, the outbox no longer waits for the reader. */
  readonly #hurry = new ReplaySubject<void>(1);
  #inFlight = NOTHING;
  #flushing: Promise<void> | undefined;
  #isStopped = false;

  constructor(directory: string, side: Side, tuning: Tuning, owners: Owners, events: OutboxEvents) {
    this.#directory = directory;
    this.#side = side;
    this.#tuning = tuning;
    this.#events = events;
    this.#queue = new LogQueue(tuning.maxLogBytes);
    this.#writer = new LogWriter(directory, side, tuning, owners);
  }

  /** Bytes accepted and not written. */
  get bytes(): number {
    return this.#queue.bytes + this.#inFlight.bytes;
  }

  /** Frames accepted and not written. */
  get frames(): number {
    return this.#queue.frames + this.#inFlight.frames;
  }

  /** Accepts one frame. `head` is copied, a large `payload` is kept by reference. */
  add(head: Uint8Array, payload: Uint8Array | undefined): void {
    this.#queue.add(head, payload);
    this.#flushing ??= this.#flush();
  }

  /** Writes everything and closes the log. Nothing may be added from here on. */
  async finish(): Promise<void> {
    this.#hurry.next();
    await this.#flushing;
    await this.#writer.close();
  }

  /** Stops after the append under way and closes the log. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.finish();
  }

  /** Never rejects. */
  async #flush(): Promise<void> {
    try {
      // All frames of this tick leave together.
      await Promise.resolve();
      let portion: Portion | undefined;
      while (!this.#isStopped && (portion = this.#queue.take()) !== undefined) {
        this.#inFlight = portion;
        await this.#writer.append(portion);
        this.#inFlight = NOTHING;
        if (portion.endsLog) await this.#untilRead(this.#writer.index - MAX_UNREAD_LOGS);
        this.#events.written();
      }
      this.#flushing = undefined;
    } catch (error) {
      this.#isStopped = true;
      this.#events.failed(error);
    }
  }

  /** Waits until a log is gone. */
  async #untilRead(index: number): Promise<void> {
    if (index < 0) return;
    const path = logPath(this.#directory, this.#side, index);
    const read$ = untilGone(path, this.#tuning).pipe(takeUntil(this.#hurry));
    if (await lastValueFrom(read$, { defaultValue: false })) this.#events.read();
  }
}
