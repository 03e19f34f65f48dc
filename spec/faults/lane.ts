import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';

import { concatMap, fromEvent, map, merge, Subscription } from 'rxjs';

import { type Conditions, NO_FAULT } from './fault.js';

/** From this many bytes on, a lane reads no more before some of them have gone out. */
const QUEUE_BYTES = 256 * 1024;

/** A throttled lane writes so often. */
const WRITES_PER_SECOND = 20;

/** Bytes, or the end of them, that may go out from `dueAt` on. */
interface Parcel {
  readonly bytes: Buffer | undefined;
  readonly dueAt: number;
}

/** One direction of a connection: what it reads from one socket it writes to the other, as the conditions say. */
export class Lane {
  conditions: Conditions = NO_FAULT;
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #random: () => number;
  readonly #stopped = new AbortController();
  readonly #run: Subscription;
  #queuedBytes = 0;
  #corruptAt: number | undefined;

  constructor(from: Socket, to: Socket, random: () => number) {
    this.#from = from;
    this.#to = to;
    this.#random = random;
    const parcels$ = merge(fromEvent(from, 'data'), fromEvent(from, 'end').pipe(map(() => undefined)));
    this.#run = parcels$
      .pipe(
        map((bytes) => this.#pack(bytes as Buffer | undefined)),
        concatMap((parcel) => this.#forward(parcel)),
      )
      .subscribe();
  }

  /** Inverts the byte after `offset` more ones, or any of the next chunk. */
  corrupt(offset: number | undefined): void {
    this.#corruptAt = offset ?? -1;
  }

  /** Forwards nothing more. What still comes is read and let go. */
  stop(): void {
    this.#run.unsubscribe();
    this.#stopped.abort();
    this.#from.resume();
  }

  /** Reading goes on while earlier bytes wait, so that a delay takes no speed. */
  #pack(bytes: Buffer | undefined): Parcel {
    const dueAt = performance.now() + this.conditions.delayMs;
    if (bytes === undefined) return { bytes, dueAt };
    this.#queuedBytes += bytes.length;
    if (this.#queuedBytes > QUEUE_BYTES) this.#from.pause();
    return { bytes: this.#damage(bytes), dueAt };
  }

  #damage(bytes: Buffer): Buffer {
    if (this.#corruptAt === undefined) return bytes;
    const at = this.#corruptAt === -1 ? Math.floor(this.#random() * bytes.length) : this.#corruptAt;
    const isHere = at < bytes.length;
    this.#corruptAt = isHere ? undefined : at - bytes.length;
    return isHere ? Buffer.from(bytes.map((byte, index) => (index === at ? ~byte : byte))) : bytes;
  }

  async #forward({ bytes, dueAt }: Parcel): Promise<void> {
    await this.#wait(dueAt - performance.now());
    if (bytes === undefined) {
      this.#to.end();
      return;
    }
    for (const piece of this.#pieces(bytes)) {
      await this.#write(piece);
      if (this.#stopped.signal.aborted) return;
    }
    this.#queuedBytes -= bytes.length;
    if (this.#queuedBytes <= QUEUE_BYTES) this.#from.resume();
  }

  *#pieces(bytes: Buffer): Generator<Buffer> {
    for (let left = bytes; left.length > 0;) {
      const { maxPieceBytes, bytesPerSecond } = this.conditions;
      const share = Math.max(1, Math.ceil(bytesPerSecond / WRITES_PER_SECOND));
      const part = maxPieceBytes === Infinity ? Infinity : 1 + Math.floor(this.#random() * maxPieceBytes);
      const length = Math.min(left.length, share, part);
      yield left.subarray(0, length);
      left = left.subarray(length);
    }
  }

  async #write(piece: Buffer): Promise<void> {
    const { maxPieceBytes, bytesPerSecond } = this.conditions;
    const { signal } = this.#stopped;
    if (!this.#to.write(piece)) await once(this.#to, 'drain', { signal }).catch(this.#ignoreStop);
    // A turn of the loop between two pieces makes two segments of them.
    if (maxPieceBytes < Infinity) await setImmediate();
    if (bytesPerSecond < Infinity) await this.#wait((piece.length / bytesPerSecond) * 1000);
  }

  async #wait(ms: number): Promise<void> {
    if (ms > 0) await sleep(ms, undefined, { signal: this.#stopped.signal }).catch(this.#ignoreStop);
  }

  /** A socket that failed is the link's to deal with. */
  readonly #ignoreStop = (error: unknown): void => {
    if (!this.#stopped.signal.aborted && this.#to.errored === null) throw error;
  };
}
