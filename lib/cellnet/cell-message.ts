import type { FobsValue } from '../fobs/value.js';
import type { MessageHeaders } from '../message.js';

/** What came from another cell. */
export interface CellMessage {
  /**
   * The cell that sent it, as it says itself: `neighbour`, or a cell that leads to us through it. So a neighbour can claim
   * the names of the cells below it; one above us, such as the server, can claim any.
   */
  readonly origin: string;
  /** The endpoint that handed it to us: the origin itself, or a cell on the way. */
  readonly neighbour: string;
  readonly channel: string;
  readonly topic: string;
  /** All headers, those of the application too. */
  readonly headers: MessageHeaders;
  /** `undefined`, bytes (a Uint8Array), or a value that was sent as FOBS. */
  readonly payload: FobsValue;
}

/** A request, for a handler. */
export interface CellRequest extends CellMessage {
  /** Whether the origin waits for a reply. */
  readonly replyExpected: boolean;
}

/** The reply of a cell. */
export interface CellReply extends CellMessage {
  /** The cell that was asked. */
  readonly target: string;
}
