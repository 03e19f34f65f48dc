import { Observable, type OperatorFunction } from 'rxjs';

import { FrameSplitter } from './frame-splitter.js';

/**
 * Turns a stream of byte chunks into a stream of whole frames, for transports that are byte streams.
 *
 * Errors with CommError `BAD_DATA` where a length cannot be right, and with `CLOSED` where the source completes
 * in the middle of a frame. Frames before the bad one are emitted first.
 *
 * @param maxFrameBytes - asked for each frame, since a connection allows less before its handshake
 */
export function splitFrames(maxFrameBytes: () => number): OperatorFunction<Uint8Array, Uint8Array> {
  return (chunks$) =>
    new Observable((subscriber) => {
      const splitter = new FrameSplitter();
      return chunks$.subscribe({
        next(chunk) {
          try {
            splitter.push(chunk);
            let frame: Uint8Array | undefined;
            while (!subscriber.closed && (frame = splitter.shift(maxFrameBytes())) !== undefined) {
              subscriber.next(frame);
            }
          } catch (error) {
            subscriber.error(error);
          }
        },
        error: (error: unknown) => subscriber.error(error),
        complete() {
          try {
            splitter.finish();
            subscriber.complete();
          } catch (error) {
            subscriber.error(error);
          }
        },
      });
    });
}
