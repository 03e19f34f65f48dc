import type { Observable } from 'rxjs';

import type { Tally } from './stats.js';

/** A message as it goes over the wire. */
export interface EncodedMessage {
  /** The prefix and the headers; of small messages the payload too. */
  readonly head: Uint8Array;
  readonly payload: Uint8Array | undefined;
}

/** Where the messages of an endpoint go out: its live session, or another replica. */
export interface Sink {
  /** Messages can be sent. */
  readonly isOpen: boolean;
  /** Bytes handed over that are not with the operating system yet, those of control frames included. */
  readonly bufferedBytes: number;
  /** Of `bufferedBytes`, what only keeping the messages takes. Default: 0. */
  readonly overheadBytes?: number;
  /** Messages handed over that are not with the operating system yet. */
  readonly bufferedMessages: number;
  /** Messages handed over so far. Absent where others count them. */
  readonly sent?: Tally;
  /** Emits when frames have gone to the operating system. */
  readonly written$: Observable<void>;
  /** Emits when a sink that was full takes messages again. */
  readonly drained$: Observable<void>;
  /**
   * Completes when nothing that was handed over is on its way any more: it is written, lost, or has come back. Absent
   * where nothing comes back.
   */
  readonly settled$?: Observable<never>;
  /**
   * Sends an encoded message; `head` is only valid during the call.
   *
   * @returns false when the sink is full; the message is accepted all the same
   */
  sendMessage(head: Uint8Array, payload: Uint8Array | undefined): boolean;
  /** Takes what has come back, in the order sent: it goes out before all that was not handed over yet. */
  takeBack?(): readonly EncodedMessage[];
  /** Nobody takes it back any more: the sink tells it as lost. */
  giveUp?(): void;
}
