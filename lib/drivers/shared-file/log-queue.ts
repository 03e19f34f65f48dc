import { WriteBatch } from '../node/write-batch.js';

/** A portion takes no more frames once it has this many bytes. */
const PORTION_BYTES = 1024 * 1024;

/** Whole frames for one append. */
export interface Portion {
  readonly pieces: readonly Uint8Array[];
  readonly bytes: number;
  readonly frames: number;
  /** The log is at its size with these: the next portion goes to the next one. */
  readonly endsLog: boolean;
}

interface Measure {
  bytes: number;
  frames: number;
  endsLog: boolean;
}

/**
 * The frames that wait to be appended, in portions that end where a frame ends: never in the middle of one, so
 * that no frame is split over two logs.
 */
export class LogQueue {
  readonly #maxLogBytes: number;
  readonly #batch = new WriteBatch();
  readonly #measures: Measure[] = [];
  #logBytes = 0;
  #frames = 0;

  /** @param maxLogBytes - a log takes no more frames once it has this many bytes */
  constructor(maxLogBytes: number) {
    this.#maxLogBytes = maxLogBytes;
  }

  get bytes(): number {
    return this.#batch.bytes;
  }

  get frames(): number {
    return this.#frames;
  }

  /** Adds one frame. `head` is copied, a large `payload` is kept by reference. */
  add(head: Uint8Array, payload: Uint8Array | undefined): void {
    const bytes = head.length + (payload?.length ?? 0);
    this.#batch.add(head, payload);
    this.#frames += 1;
    this.#logBytes += bytes;
    const measure = this.#open();
    measure.bytes += bytes;
    measure.frames += 1;
    if (this.#logBytes < this.#maxLogBytes) return;
    measure.endsLog = true;
    this.#logBytes = 0;
  }

  /** Takes out the oldest portion, where there is one. */
  take(): Portion | undefined {
    const measure = this.#measures.shift();
    if (measure === undefined) return undefined;
    this.#frames -= measure.frames;
    return { ...measure, pieces: this.#batch.take(measure.bytes, true).pieces };
  }

  /** The portion that the next frame goes into. */
  #open(): Measure {
    const last = this.#measures.at(-1);
    if (last !== undefined && !last.endsLog && last.bytes < PORTION_BYTES) return last;
    const fresh = { bytes: 0, frames: 0, endsLog: false };
    this.#measures.push(fresh);
    return fresh;
  }
}
