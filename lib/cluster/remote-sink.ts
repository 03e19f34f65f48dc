import { ignoreElements, map, type Observable, startWith, Subject, takeWhile } from 'rxjs';

import type { Losses } from '../cluster-contract.js';
import type { EncodedMessage, Sink } from '../sink.js';
import { addTallies, NOTHING, type Tally } from '../stats.js';
import type { Target } from './batch.js';
import type { OutgoingLink } from './outgoing-link.js';

/** What a message takes on its way beside its bytes, about: the limit in bytes is one in count as well. */
const OVERHEAD_BYTES = 32;

/*
 *   open --a message comes back--> returning --tryAgain--> open
 *     \______________________________\______________ close --> closed
 */
type State = 'open' | 'returning' | 'closed';

/**
 * What was sent to an endpoint of another replica, or to its receivers. A message is buffered here until that replica says
 * that the operating system has it, or that it is lost; so a slow endpoint makes this sink full. One that comes back is
 * buffered until it is taken back.
 */
export class RemoteSink implements Sink {
  readonly target: Target;
  readonly written$: Observable<void>;
  readonly drained$: Observable<void>;
  readonly settled$: Observable<never>;
  readonly sent = { messages: 0, bytes: 0 };

  readonly #link: OutgoingLink;
  readonly #highWaterMarkBytes: number;
  readonly #tellLost: (losses: Losses) => void;
  readonly #written = new Subject<void>();
  readonly #drained = new Subject<void>();
  #state: State = 'open';
  #channel: number;
  #openedIn = 0;
  #messages = 0;
  #bytes = 0;
  #returned: EncodedMessage[] = [];
  #returnedBytes = 0;
  #isGivenUp = false;
  #isFull = false;

  /** @param tellLost - hears of messages that do not arrive, or may not */
  constructor(
    channel: number,
    target: Target,
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
    this.settled$ = this.#written.pipe(
      startWith(undefined),
      map(() => this.isSettled),
      takeWhile((is) => !is),
      ignoreElements(),
    );
  }

  get channel(): number {
    return this.#channel;
  }

  /** What was sent, and is not settled. */
  get pending(): Tally {
    return { messages: this.#messages, bytes: this.#bytes };
  }

  /** Whether nothing is on its way. */
  get isSettled(): boolean {
    return this.#messages === 0;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Whether it is closed for good. */
  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  get bufferedBytes(): number {
    return this.#bytes + this.#returnedBytes + this.overheadBytes;
  }

  get overheadBytes(): number {
    return this.bufferedMessages * OVERHEAD_BYTES;
  }

  get bufferedMessages(): number {
    return this.#messages + this.#returned.length;
  }

  sendMessage(head: Uint8Array, payload: Uint8Array | undefined): boolean {
    this.#open();
    const bytes = bytesOf({ head, payload });
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

  /** The other replica tells what became of messages. */
  settle(written: Tally, losses?: Losses): void {
    if (losses === undefined) this.#settle(written);
    else {
      this.#settle(addTallies(losses.undelivered, losses.unknown));
      this.#tellLost(losses);
    }
    this.#noteSettled();
  }

  /** A message comes back: the endpoint is not there under this claim, or not yet. */
  returned({ head, payload }: EncodedMessage): void {
    const bytes = bytesOf({ head, payload });
    this.#settle({ messages: 1, bytes });
    this.sent.messages -= 1;
    this.sent.bytes -= bytes;
    this.#returned.push({ head: head.slice(), payload });
    this.#returnedBytes += bytes;
    if (this.isOpen) this.#become('returning');
    this.#noteSettled();
  }

  takeBack(): readonly EncodedMessage[] {
    const returned = this.#returned;
    this.#returned = [];
    this.#returnedBytes = 0;
    return returned;
  }

  giveUp(): void {
    this.#isGivenUp = true;
    this.#tellGivenUp();
  }

  /** Lets what came back be sent again, in case that the claim is known there by now. */
  tryAgain(): void {
    if (this.#state !== 'returning' || !this.isSettled) return;
    this.#openedIn = 0;
    this.#become('open');
    this.#drained.next();
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
    this.#become('closed');
  }

  /** The one place that changes the state. */
  #become(state: State): void {
    this.#state = state;
  }

  /** Says what the channel is for, unless the other replica knows it. */
  #open(): void {
    if (this.#openedIn === this.#link.epoch) return;
    this.#openedIn = this.#link.epoch;
    this.#link.open(this.#channel, this.target);
  }

  /** More than were sent cannot be. */
  #settle({ messages, bytes }: Tally): void {
    this.#messages = Math.max(0, this.#messages - messages);
    this.#bytes = this.#messages === 0 ? 0 : Math.max(0, this.#bytes - bytes);
  }

  #noteSettled(): void {
    this.#tellGivenUp();
    this.#written.next();
    if (!this.#isFull || this.bufferedBytes > this.#highWaterMarkBytes / 2) return;
    this.#isFull = false;
    if (this.isOpen) this.#drained.next();
  }

  /** In one piece, when nothing more can come back. */
  #tellGivenUp(): void {
    if (!this.#isGivenUp || !this.isSettled || this.#returned.length === 0) return;
    const bytes = this.#returnedBytes;
    this.#tellLost({ undelivered: { messages: this.takeBack().length, bytes }, unknown: NOTHING });
  }
}

function bytesOf({ head, payload }: EncodedMessage): number {
  return head.length + (payload?.length ?? 0);
}
