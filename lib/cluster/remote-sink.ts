import { type Observable, Subject } from 'rxjs';

import type { Losses } from '../cluster-contract.js';
import type { Sink } from '../sink.js';
import { addTallies, NOTHING, type Tally } from '../stats.js';
import type { Claimed } from './batch.js';
import type { OutgoingLink } from './outgoing-link.js';

/** What a message takes on its way beside its bytes, about: the limit in bytes is one in count as well. */
const OVERHEAD_BYTES = 32;

/**
 * What was sent to an endpoint of another replica, or to its receivers. A message is buffered here until that replica says that the operating
 * system has it, or that it is lost; so a slow endpoint makes this sink full.
 */
export class RemoteSink implements Sink {
  /** `undefined`: the receivers. */
  readonly target: Claimed | undefined;
  readonly written$: Observable<void>;
  readonly drained$: Observable<void>;
  readonly sent = { messages: 0, bytes: 0 };

  readonly #link: OutgoingLink;
  readonly #highWaterMarkBytes: number;
  readonly #tellLost: (losses: Losses) => void;
  #channel: number;
  readonly #written = new Subject<void>();
  readonly #drained = new Subject<void>();
  #openedIn = 0;
  #messages = 0;
  #bytes = 0;
  #isFull = false;
  #isClosed = false;

  /** @param tellLost - hears of messages that do not arrive, or may not */
  constructor(
    channel: number,
    target: Claimed | undefined,
    link: OutgoingLink,
    highWaterMarkBytes: number,
    tellLost: (losses: Losses) => void,
  ) {
    this.#channel = channel;
    this.target = target;
    this.#link = link;
    this.#highWaterMarkBytes = highWaterMarkBytes;
    this.#tellLost = tellLost;
    this.written$ = this.#written.asObservable();
    this.drained$ = this.#drained.asObservable();
  }

  get channel(): number {
    return this.#channel;
  }

  /** What was sent, and is not settled. */
  get pending(): Tally {
    return { messages: this.#messages, bytes: this.#bytes };
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  get isOpen(): boolean {
    return !this.#isClosed;
  }

  get bufferedBytes(): number {
    return this.#bytes + this.overheadBytes;
  }

  get overheadBytes(): number {
    return this.#messages * OVERHEAD_BYTES;
  }

  get bufferedMessages(): number {
    return this.#messages;
  }

  sendMessage(head: Uint8Array, payload: Uint8Array | undefined): boolean {
    this.#open();
    const bytes = head.length + (payload?.length ?? 0);
    this.sent.messages += 1;
    this.sent.bytes += bytes;
    this.#messages += 1;
    this.#bytes += bytes;
    this.#link.data(this.#channel, head, payload);
    if (this.bufferedBytes >= this.#highWaterMarkBytes) this.#isFull = true;
    return !this.#isFull;
  }

  /** Has the endpoint's connection ended, behind what was sent. */
  remove(): void {
    this.#open();
    this.#link.tell('REMOVE', this.#channel);
  }

  /** The other replica tells what became of messages. More than were sent cannot be. */
  settle(written: Tally, losses?: Losses): void {
    const settled = losses === undefined ? written : addTallies(losses.undelivered, losses.unknown);
    this.#messages = Math.max(0, this.#messages - settled.messages);
    this.#bytes = this.#messages === 0 ? 0 : Math.max(0, this.#bytes - settled.bytes);
    if (losses !== undefined) this.#tellLost(losses);
    this.#written.next();
    if (!this.#isFull || this.bufferedBytes > this.#highWaterMarkBytes / 2) return;
    this.#isFull = false;
    if (!this.#isClosed) this.#drained.next();
  }

  /** The other replica is gone, or has forgotten us: what was on its way may have arrived. */
  abandon(unknown = this.pending): void {
    if (unknown.messages === 0) return;
    this.settle(NOTHING, { undelivered: NOTHING, unknown });
  }

  /** What is sent from now on goes on another channel. */
  moveTo(channel: number): void {
    this.#channel = channel;
  }

  /** The endpoint is not there any more. What was sent is settled yet. */
  close(): void {
    this.#isClosed = true;
  }

  /** Says what the channel is for, unless the other replica knows it. */
  #open(): void {
    if (this.#openedIn === this.#link.epoch) return;
    this.#openedIn = this.#link.epoch;
    this.#link.open(this.#channel, this.target);
  }
}
