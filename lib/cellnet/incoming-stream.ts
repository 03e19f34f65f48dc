import type { Observable } from 'rxjs';

import type { MessageHeaders } from '../message.js';

/** A stream that comes from another cell. It is for one reader: `chunks$`, `consume` or `bytes$`. */
export interface IncomingStream {
  /** The cell that sends it, as it says itself; see `origin` of a request. */
  readonly origin: string;
  /** The endpoint that hands it to us. */
  readonly neighbour: string;
  readonly channel: string;
  readonly topic: string;
  /** All headers of its first message, those of the application too. */
  readonly headers: MessageHeaders;
  /** Bytes in all, as the sender tells it; `undefined` where it does not know. */
  readonly size: number | undefined;
  /**
   * The chunks, in order. Each counts as consumed when it is handed over. Errors with CellError where the sender
   * aborts, is silent for too long or breaks the rules. Unsubscribing refuses the rest.
   */
  readonly chunks$: Observable<Uint8Array>;
  /** All of it at once, when it is whole. Errors as `chunks$`. */
  readonly bytes$: Observable<Uint8Array>;
  /**
   * Hands over the chunks one at a time: the next when the promise or Observable that is returned for one has
   * completed, or at once where nothing is. So the sender goes at the pace of the consumer. Emits the number of bytes
   * consumed after each. Errors as `chunks$`, or with what `each` throws.
   *
   * @param options - `borrow`: a chunk is only for `each`, and all views on it are empty once that is done, since its
   * memory is used for the next one, which is faster. Default: false, chunks are the consumer's for ever
   */
  consume(each: (chunk: Uint8Array) => unknown, options?: { readonly borrow?: boolean }): Observable<number>;
  /** Refuses the rest. The sender learns the reason. Default: `refused`. */
  refuse(reason?: string): void;
}
