import type { Losses, Origin } from '../cluster-contract.js';
import { CommError, CommErrorCode } from '../comm-error.js';
import { concatenated } from '../concatenated.js';
import type { EncodedMessage } from '../sink.js';
import { addTallies, NOTHING } from '../stats.js';
import { PREFIX_BYTES, readPrefix } from '../wire/prefix.js';
import { type BatchHeader, type BatchRecord, readRecords, type Target } from './batch.js';
import type { OutgoingLink } from './outgoing-link.js';

/** Payloads up to this size go out in one piece with their head, so that they hold no batch in memory. */
const SMALL_BYTES = 4 * 1024;

/** An endpoint under a claim. */
type Claimed = Extract<Target, { type: 'endpoint' }>;

/** What a link hands on. */
export interface IncomingHandler {
  /** Sends a message to an endpoint here; false where it is not here under that claim. */
  accept(target: Claimed, head: Uint8Array, payload: Uint8Array | undefined, origin: Origin): boolean;
  /** Takes a message of an endpoint of the other replica. */
  arrive(bytes: Uint8Array, origin: Origin): void;
  /** Ends the connection of an endpoint that is here under that claim. */
  remove(target: Claimed): void;
  /** Records of our own channels, and of the link as a whole. */
  tell(record: Exclude<BatchRecord, { type: 'open' | 'data' | 'close' | 'remove' }>): void;
  /** A message of one of our own channels comes back. */
  takeBack(channel: number, message: EncodedMessage): void;
}

/** What comes on one channel, and what became of it. */
class IncomingChannel implements Origin {
  readonly target: Target;
  readonly #changed: (channel: IncomingChannel) => void;
  #written = { messages: 0, bytes: 0 };
  #lost: Losses = { undelivered: NOTHING, unknown: NOTHING };
  #returned: EncodedMessage[] = [];
  #isReturning = false;

  constructor(target: Target, changed: (channel: IncomingChannel) => void) {
    this.target = target;
    this.#changed = changed;
  }

  written(bytes: number): void {
    this.#written.messages += 1;
    this.#written.bytes += bytes;
    this.#changed(this);
  }

  lost({ undelivered, unknown }: Losses): void {
    this.#lost = {
      undelivered: addTallies(this.#lost.undelivered, undelivered),
      unknown: addTallies(this.#lost.unknown, unknown),
    };
    this.#changed(this);
  }

  returned(message: EncodedMessage): void {
    this.#isReturning = true;
    this.#returned.push(message);
    this.#changed(this);
  }

  /** Once a message went back, all that come behind it do, until the sender opens the channel anew. */
  get isReturning(): boolean {
    return this.#isReturning;
  }

  /** Tells the sender what became of messages since the last time. */
  report(channel: number, link: OutgoingLink): void {
    if (this.#written.messages > 0) link.written(channel, this.#written);
    const { undelivered, unknown } = this.#lost;
    if (undelivered.messages + unknown.messages > 0) link.lost(channel, undelivered, unknown);
    if (this.#returned.length > 0) link.returned(channel, this.#returned);
    this.#written = { messages: 0, bytes: 0 };
    this.#lost = { undelivered: NOTHING, unknown: NOTHING };
    this.#returned = [];
  }
}

/** What comes from one other replica, in order and each batch once. */
export class IncomingLink {
  /** The frames that arrived, each once. */
  readonly received = { messages: 0, bytes: 0 };

  readonly #handler: IncomingHandler;
  readonly #maxFrameBytes: number;
  readonly #changed: () => void;
  readonly #channels = new Map<number, IncomingChannel>();
  readonly #reports = new Map<IncomingChannel, number>();
  /** Of the frame that is cut: its records follow each other. */
  #parts: Uint8Array[] = [];
  #partBytes = 0;
  #partsOf: IncomingChannel | undefined;
  #epoch = 0;
  #number = 0;
  /** Nothing more is taken of this epoch, and of those before it. */
  #endedEpoch: number;

  /**
   * @param changed - there is something to report
   * @param endedEpoch - the last one of the link before
   */
  constructor(handler: IncomingHandler, maxFrameBytes: number, changed: () => void, endedEpoch: number) {
    this.#handler = handler;
    this.#maxFrameBytes = maxFrameBytes;
    this.#changed = changed;
    this.#endedEpoch = endedEpoch;
  }

  /** The latest epoch, of this link or one before it. */
  get lastEpoch(): number {
    return Math.max(this.#epoch, this.#endedEpoch);
  }

  /** What has arrived. */
  get acknowledgement(): { readonly epoch: number; readonly number: number } {
    return { epoch: this.#epoch, number: this.#number };
  }

  /**
   * Takes a batch with records.
   *
   * @returns false where its epoch has ended, or the beginning of it is forgotten: the sender must begin anew
   * @throws CommError `BAD_DATA` where it is broken: its epoch has ended
   */
  take({ epoch, number, oldest }: BatchHeader, batch: Uint8Array): boolean {
    if (epoch < this.#epoch) return true;
    if (epoch <= this.#endedEpoch) return false;
    if (epoch > this.#epoch) {
      if (number !== 1) return oldest === 1;
      this.#begin(epoch);
    }
    if (number !== this.#number + 1) return true;
    try {
      for (const record of readRecords(batch)) this.#takeRecord(record);
    } catch (error) {
      this.#endedEpoch = epoch;
      this.#takeParts();
      throw error;
    }
    this.#number = number;
    return true;
  }

  /** Writes what became of messages into the link back. */
  report(link: OutgoingLink): void {
    for (const [channel, id] of this.#reports) channel.report(id, link);
    this.#reports.clear();
  }

  #begin(epoch: number): void {
    this.#epoch = epoch;
    this.#number = 0;
    this.#channels.clear();
    this.#reports.clear();
    this.#takeParts();
  }

  #takeRecord(record: BatchRecord): void {
    const channel = this.#channels.get(record.channel);
    switch (record.type) {
      case 'open':
        this.#channels.set(record.channel, this.#newChannel(record));
        break;
      case 'data':
        if (channel === undefined) throw bad('a message comes on a channel that is not open');
        this.#takeData(channel, record.bytes, record.isPart);
        break;
      case 'close':
        if (channel !== undefined) this.#channels.delete(record.channel);
        break;
      case 'remove':
        if (channel?.target.type === 'endpoint') this.#handler.remove(channel.target);
        break;
      default:
        this.#handler.tell(record);
    }
  }

  #newChannel({ channel: id, target }: Extract<BatchRecord, { type: 'open' }>): IncomingChannel {
    return new IncomingChannel(target, (channel) => {
      if (this.#channels.get(id) !== channel) return;
      this.#reports.set(channel, id);
      this.#changed();
    });
  }

  #takeData(channel: IncomingChannel, bytes: Uint8Array, isPart: boolean): void {
    const isFirst = this.#partsOf === undefined;
    if (!isPart && isFirst) {
      this.#accept(channel, bytes);
      return;
    }
    if (!isFirst && this.#partsOf !== channel) throw bad('another message comes between the parts of one');
    this.#partsOf = channel;
    this.#partBytes += bytes.length;
    if (this.#partBytes > this.#maxFrameBytes)
      throw bad(`a message has more than ${this.#maxFrameBytes} bytes`);
    this.#parts.push(bytes);
    if (!isPart) this.#accept(channel, concatenated(this.#takeParts()));
  }

  #takeParts(): readonly Uint8Array[] {
    const parts = this.#parts;
    this.#parts = [];
    this.#partBytes = 0;
    this.#partsOf = undefined;
    return parts;
  }

  #accept(channel: IncomingChannel, frame: Uint8Array): void {
    this.received.messages += 1;
    this.received.bytes += frame.length;
    const { target } = channel;
    if (target.type === 'receivers') {
      this.#handler.arrive(frame, channel);
      return;
    }
    const message = messageOf(frame);
    if (target.type === 'origin') this.#handler.takeBack(target.channel, message);
    else if (channel.isReturning || !this.#handler.accept(target, message.head, message.payload, channel))
      channel.returned(message);
  }
}

/** @throws CommError `BAD_DATA` where it is no frame */
function messageOf(frame: Uint8Array): EncodedMessage {
  const headBytes = PREFIX_BYTES + readPrefix(frame).headerLength;
  if (frame.length <= SMALL_BYTES || frame.length === headBytes) return { head: frame, payload: undefined };
  return { head: frame.subarray(0, headBytes), payload: frame.subarray(headBytes) };
}

function bad(detail: string): CommError {
  return new CommError(CommErrorCode.BAD_DATA, `bad batch: ${detail}`);
}
