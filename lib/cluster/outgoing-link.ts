import type { Tally } from '../stats.js';
import { Fifo } from '../transport/fifo.js';
import type { EncodedMessage } from '../sink.js';
import { HEADER_BYTES, PART_BYTES, RECORD_BYTES, RecordType, type Target, viewOf } from './batch.js';

/** How many bytes may be on their way to one replica: a NATS server drops a client that is 64 MiB behind. */
const WINDOW_BYTES = 4 * 1024 ** 2;

/**
 * The largest batch, where a message of NATS can be as large. Its server and its client read 64 KiB at a time: what does
 * not fit into a read is put together again in memory of its own, which costs both of them more than more messages do.
 */
const MAX_BATCH_BYTES = 32 * 1024;

/** How many messages, and how many bytes. */
const TALLY_BYTES = 12;

/** The most calls of `repeat` between two that send a batch again. */
const MAX_CALLS_BETWEEN = 8;

/** What must arrive though the link begins anew. */
export interface Told {
  readonly type: 'REMOVE' | 'QUIESCE' | 'QUIESCED';
  readonly channel: number;
  /** The batch that it is in. */
  readonly number: number;
}

interface SentBatch {
  readonly number: number;
  readonly bytes: Uint8Array;
}

/**
 * What goes to one other replica, in order and each byte once, even if NATS drops messages: batches are numbered, kept
 * until they are acknowledged, and sent again where they are not.
 */
export class OutgoingLink {
  /** Grows when the link begins anew. */
  epoch: number;
  /** The frames that were written, repeated ones once. */
  readonly sent = { messages: 0, bytes: 0 };

  readonly #nextEpoch: () => number;
  readonly #publish: (batch: Uint8Array, number: number) => void;
  readonly #batch: Uint8Array;
  readonly #view: DataView;
  #length = HEADER_BYTES;
  #number = 0;
  readonly #waiting = new Fifo<Uint8Array>();
  readonly #sent = new Fifo<SentBatch>();
  #sentBytes = 0;
  /** What was told, and is not acknowledged. */
  readonly #told = new Fifo<Told>();
  /** The oldest batch when `repeat` was last called. */
  #oldestBefore: number | undefined;
  /** The batch that was sent again, until it is known whether those behind it have arrived. */
  #repeated: number | undefined;
  #calls = 0;
  #isScheduled = false;
  readonly #beforeFlush: () => void;
  #isClosed = false;

  /**
   * @param maxPayload - the largest message of NATS, in bytes
   * @param nextEpoch - greater than those of all links before: a late batch of one that has ended must not fit
   * @param publish - sends a batch, if NATS is there, and writes its header
   * @param beforeFlush - may write more
   */
  constructor(
    maxPayload: number,
    nextEpoch: () => number,
    publish: (batch: Uint8Array, number: number) => void,
    beforeFlush: () => void,
  ) {
    this.#nextEpoch = nextEpoch;
    this.epoch = nextEpoch();
    this.#publish = publish;
    this.#batch = new Uint8Array(Math.min(maxPayload, MAX_BATCH_BYTES));
    this.#view = viewOf(this.#batch);
    this.#beforeFlush = beforeFlush;
  }

  /** The oldest batch that may be repeated, or else the next one. */
  get oldest(): number {
    return this.#sent.peek()?.number ?? this.#number + 1;
  }

  /** Says what the messages of a channel are for from now on. */
  open(channel: number, target: Target): void {
    if (target.type === 'receivers') this.#record(RecordType.OPEN_SPREAD, channel, 0);
    else if (target.type === 'origin')
      this.#view.setUint32(this.#record(RecordType.OPEN_RETURN, channel, 4), target.channel);
    else {
      const { name, generation } = target;
      const at = this.#record(RecordType.OPEN, channel, 10 + name.length);
      this.#view.setFloat64(at, generation);
      this.#view.setUint16(at + 8, name.length);
      for (let n = 0; n < name.length; n += 1) this.#batch[at + 10 + n] = name.charCodeAt(n);
    }
  }

  /** Sends a frame. Both parts are copied. */
  data(channel: number, head: Uint8Array, payload: Uint8Array | undefined): void {
    const length = head.length + (payload?.length ?? 0);
    this.sent.messages += 1;
    this.sent.bytes += length;
    if (PART_BYTES + length <= this.#batch.length - HEADER_BYTES) {
      const at = this.#record(RecordType.DATA, channel, 4 + length);
      this.#view.setUint32(at, length);
      this.#batch.set(head, at + 4);
      if (payload !== undefined) this.#batch.set(payload, at + 4 + head.length);
      return;
    }
    const hasPayload = payload !== undefined && payload.length > 0;
    this.#part(channel, head, !hasPayload);
    if (hasPayload) this.#part(channel, payload, true);
  }

  /** What the other replica sent on a channel is with the system. */
  written(channel: number, written: Tally): void {
    this.#tally(this.#record(RecordType.WRITTEN, channel, TALLY_BYTES), written);
  }

  /** What the other replica sent on a channel is lost. */
  lost(channel: number, undelivered: Tally, unknown: Tally): void {
    const at = this.#record(RecordType.LOST, channel, 2 * TALLY_BYTES);
    this.#tally(at, undelivered);
    this.#tally(at + TALLY_BYTES, unknown);
  }

  /** Messages that the other replica sent on a channel go back to it. Channel 0 is for no others. */
  returned(channel: number, messages: readonly EncodedMessage[]): void {
    this.open(0, { type: 'origin', channel });
    for (const { head, payload } of messages) this.data(0, head, payload);
  }

  /** A record that only has a type. */
  tell(type: 'CLOSE' | Told['type'], channel = 0): void {
    this.#record(RecordType[type], channel, 0);
    if (type !== 'CLOSE') this.#told.push({ type, channel, number: this.#number + this.#waiting.length + 1 });
  }

  /** The other replica has all batches of this epoch up to a number. */
  acknowledged(epoch: number, number: number): void {
    if (epoch !== this.epoch || number > this.#number) return;
    while ((this.#sent.peek()?.number ?? Infinity) <= number)
      this.#sentBytes -= this.#sent.shift()?.bytes.length ?? 0;
    while ((this.#told.peek()?.number ?? Infinity) <= number) this.#told.shift();
    // It was missing, so the others were of no use there.
    if (number === this.#repeated) this.#repeatAll();
    if (number >= (this.#repeated ?? Infinity)) this.#repeated = undefined;
    this.#flush();
  }

  /**
   * Sends the oldest batch again if it was not acknowledged, those behind it when it is. To be called now and then, and
   * when NATS is back. Each time that nothing has changed, the wait is twice as long.
   *
   * @param isWaiting - reports are to come: where all is acknowledged, something is said for an answer, since a replica that
   * has forgotten us would never report
   */
  repeat(isUrgent = false, isWaiting = false): void {
    const oldest = this.#sent.peek();
    const isStuck = oldest === undefined ? isWaiting : oldest.number === this.#oldestBefore;
    this.#oldestBefore = oldest?.number;
    this.#calls = isStuck && !isUrgent ? this.#calls + 1 : 0;
    if (!isUrgent && !isRepeatDue(this.#calls)) return;
    if (oldest === undefined) {
      if (isWaiting) this.tell('CLOSE');
      return;
    }
    this.#repeated = oldest.number;
    this.#publish(oldest.bytes, oldest.number);
  }

  /** Begins anew: what was not acknowledged is forgotten. @returns what must be told again */
  restart(): readonly Told[] {
    const untold: Told[] = [];
    for (let told = this.#told.shift(); told !== undefined; told = this.#told.shift()) untold.push(told);
    this.epoch = this.#nextEpoch();
    this.#number = 0;
    this.#oldestBefore = undefined;
    this.#repeated = undefined;
    this.#length = HEADER_BYTES;
    this.#waiting.clear();
    this.#sent.clear();
    this.#sentBytes = 0;
    return untold;
  }

  /** Sends nothing more. */
  close(): void {
    this.#isClosed = true;
    this.restart();
  }

  /** Has what was written, and what `beforeFlush` writes, sent at the end of this turn. */
  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      if (this.#isClosed) return;
      this.#beforeFlush();
      this.#flush();
    });
  }

  #repeatAll(): void {
    for (let left = this.#sent.length; left > 0; left -= 1) {
      const batch = this.#sent.shift();
      if (batch === undefined) return;
      this.#publish(batch.bytes, batch.number);
      this.#sent.push(batch);
    }
  }

  #part(channel: number, bytes: Uint8Array, isLast: boolean): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#batch.length - this.#length <= PART_BYTES) this.#seal();
      const length = Math.min(bytes.length - at, this.#batch.length - this.#length - PART_BYTES);
      const isEnd = isLast && at + length === bytes.length;
      const start = this.#record(isEnd ? RecordType.DATA : RecordType.PART, channel, 4 + length);
      this.#view.setUint32(start, length);
      this.#batch.set(bytes.subarray(at, at + length), start + 4);
      at += length;
    }
  }

  /** Begins a record, and returns where what follows is written. */
  #record(type: number, channel: number, bytes: number): number {
    if (this.#length + RECORD_BYTES + bytes > this.#batch.length) this.#seal();
    const at = this.#length;
    this.#view.setUint8(at, type);
    this.#view.setUint32(at + 1, channel);
    this.#length = at + RECORD_BYTES + bytes;
    this.schedule();
    return at + RECORD_BYTES;
  }

  #tally(at: number, { messages, bytes }: Tally): void {
    this.#view.setUint32(at, messages);
    this.#view.setFloat64(at + 4, bytes);
  }

  #seal(): void {
    if (this.#length === HEADER_BYTES) return;
    this.#waiting.push(this.#batch.slice(0, this.#length));
    this.#length = HEADER_BYTES;
    this.#send();
  }

  /** While the window is full, records of many turns go into one batch. */
  #flush(): void {
    this.#send();
    if (this.#waiting.length === 0 && this.#sentBytes < WINDOW_BYTES) this.#seal();
  }

  #send(): void {
    while (this.#sentBytes < WINDOW_BYTES) {
      const bytes = this.#waiting.shift();
      if (bytes === undefined) return;
      this.#number += 1;
      this.#sent.push({ number: this.#number, bytes });
      this.#sentBytes += bytes.length;
      this.#publish(bytes, this.#number);
    }
  }
}

/** At the calls 1, 2, 4 and 8, and then at each eighth. */
function isRepeatDue(calls: number): boolean {
  return calls > 0 && (calls % MAX_CALLS_BETWEEN === 0 || [1, 2, 4].includes(calls));
}
