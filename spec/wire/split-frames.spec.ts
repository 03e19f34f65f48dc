import {
  concat,
  from,
  lastValueFrom,
  map,
  NEVER,
  type Observable,
  of,
  Subject,
  take,
  throwError,
  toArray,
} from 'rxjs';
import { describe, expect, it } from 'vitest';

import { CommError, CommErrorCode } from '../../lib/comm-error.js';
import { splitFrames } from '../../lib/wire/split-frames.js';
import { chunksOf, concatBytes, fromHex, toHex } from '../support/bytes.js';
import { goldenFrame, goldenFrames, goldenStream } from '../support/golden.js';
import { seededRandom } from '../support/random.js';

const whole = goldenFrames.map(({ bytes }) => toHex(bytes));
const limit = () => 100_000;

function framesOf(chunks: readonly Uint8Array[]): Promise<string[]> {
  return lastValueFrom(from(chunks).pipe(splitFrames(limit), map(toHex), toArray()));
}

/** What comes out before the end, and the end. */
function outcome(chunks$: Observable<Uint8Array>, maxFrameBytes = limit) {
  const frames: Uint8Array[] = [];
  let end: unknown = 'open';
  const observer = {
    next: (frame: Uint8Array) => frames.push(frame),
    error: (error: unknown) => (end = error),
  };
  chunks$.pipe(splitFrames(maxFrameBytes)).subscribe({ ...observer, complete: () => (end = 'complete') });
  return { frames, end };
}

describe('splitFrames gives the frames of a recorded stream', () => {
  it('in chunks of every size, from one byte to all', async () => {
    for (let size = 1; size <= goldenStream.length; size += 1) {
      expect(await framesOf(chunksOf(goldenStream, size)), `chunks of ${size} bytes`).toEqual(whole);
    }
  });

  it('cut in two at every place', async () => {
    for (let at = 0; at <= goldenStream.length; at += 1) {
      const chunks = [goldenStream.subarray(0, at), goldenStream.subarray(at)];
      expect(await framesOf(chunks), `cut at ${at}`).toEqual(whole);
    }
  });

  it('cut at random', async () => {
    const random = seededRandom(7);
    for (let round = 0; round < 200; round += 1) {
      const chunks: Uint8Array[] = [];
      let at = 0;
      while (at < goldenStream.length) {
        const size = Math.floor(random() * (random() < 0.5 ? 20 : 600));
        chunks.push(goldenStream.subarray(at, at + size));
        at += size;
      }
      expect(await framesOf(chunks), `round ${round}`).toEqual(whole);
    }
  });
});

describe('splitFrames', () => {
  const { bytes } = goldenFrame('data');
  const bad = fromHex('0000000f000001000000000000000000');

  it('emits the good frames before a bad one, then BAD_DATA', () => {
    for (const size of [1, 7, 1_000]) {
      const { frames, end } = outcome(from(chunksOf(concatBytes([bytes, bytes, bad, bytes]), size)));
      expect(frames).toEqual([bytes, bytes]);
      expect(end).toMatchObject({ code: CommErrorCode.BAD_DATA });
    }
  });

  it('lets go of its source after a bad frame', () => {
    const chunks = new Subject<Uint8Array>();
    const { end } = outcome(chunks);
    expect([end, chunks.observed]).toEqual(['open', true]);
    chunks.next(bad);
    expect(chunks.observed).toBe(false);
  });

  it('errors with CLOSED when the source completes inside a frame, at every place', () => {
    for (let length = 1; length < bytes.length; length += 1) {
      const { frames, end } = outcome(of(bytes, bytes.subarray(0, length)));
      expect(frames).toEqual([bytes]);
      expect(end).toMatchObject({
        code: CommErrorCode.CLOSED,
        message: expect.stringContaining(`${length} bytes`) as unknown,
      });
    }
  });

  it('completes when the source completes between frames, or before the first', () => {
    expect(outcome(of(bytes)).end).toBe('complete');
    expect(outcome(of()).end).toBe('complete');
  });

  it('passes on an error of the source, behind the frames before it', () => {
    const error = new CommError(CommErrorCode.CLOSED, 'reset');
    const { frames, end } = outcome(
      concat(
        of(bytes, bytes.subarray(0, 3)),
        throwError(() => error),
      ),
    );
    expect(frames).toEqual([bytes]);
    expect(end).toBe(error);
  });

  it('asks for the limit again with each frame', () => {
    const limits = [bytes.length, bytes.length - 1];
    const { frames, end } = outcome(of(concatBytes([bytes, bytes])), () => limits.shift() ?? 0);
    expect(frames).toEqual([bytes]);
    expect(end).toMatchObject({ code: CommErrorCode.BAD_DATA });
  });

  it('stops in the middle of a chunk when nobody wants more', async () => {
    let asked = 0;
    const counting = () => (asked += 1) && 100_000;
    const chunks$ = concat(of(concatBytes([bytes, bytes, bytes])), NEVER);
    expect(await lastValueFrom(chunks$.pipe(splitFrames(counting), take(1), toArray()))).toEqual([bytes]);
    expect(asked).toBe(1);
  });

  it('keeps the state of two subscribers apart', () => {
    const chunks = new Subject<Uint8Array>();
    const frames$ = chunks.pipe(splitFrames(limit));
    const seen: string[] = [];
    frames$.subscribe(() => seen.push('first'));
    chunks.next(bytes.subarray(0, 50));
    frames$.subscribe({ next: () => seen.push('second'), error: () => seen.push('second failed') });
    chunks.next(bytes.subarray(50));
    expect(seen).toContain('first');
    expect(seen).not.toContain('second');
  });
});
