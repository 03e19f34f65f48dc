import { Subject } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';

import { Chunker } from '../../lib/cellnet/chunker.js';
import { feedOf, type StreamSource } from '../../lib/cellnet/stream-source.js';
import { CommErrorCode } from '../../lib/comm-error.js';
import { pattern } from '../support/pattern.js';

/** Asks a source for one piece, and gives it up. */
async function giveUp(source: StreamSource): Promise<void> {
  const demand$ = new Subject<void>();
  let pieces = 0;
  const subscription = feedOf(source)(demand$).subscribe(() => (pieces += 1));
  demand$.next();
  await vi.waitUntil(() => pieces > 0, 30_000);
  subscription.unsubscribe();
}

describe('a source that is given up', () => {
  it('is cancelled where it is a stream of the web, with or without async iteration', async () => {
    const cancelled: string[] = [];
    const web = (name: string) =>
      new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(pattern(1)),
        cancel: () => void cancelled.push(name),
      });
    const plain = web('reader alone');
    await giveUp(web('iterated'));
    await giveUp({ getReader: () => plain.getReader() } as never);
    await vi.waitUntil(() => cancelled.length === 2, 30_000);
    expect(cancelled).toEqual(['iterated', 'reader alone']);
  });

  it.each<[string, (pieces: object) => unknown]>([
    ['an async iterable', (pieces) => ({ [Symbol.asyncIterator]: () => pieces })],
    ['an iterable', (pieces) => ({ [Symbol.iterator]: () => pieces })],
  ])('may fail at that, and nothing else does: %s', async (_name, sourceOf) => {
    let returned = 0;
    const pieces = {
      next: () => ({ done: false, value: pattern(1) }),
      return: () => {
        returned += 1;
        throw new Error('it cannot end');
      },
    };
    await giveUp(sourceOf(pieces) as StreamSource);
    expect(returned).toBe(1);
  });
});

describe('a chunker', () => {
  it('sends no zeros for bytes that were transferred elsewhere', () => {
    const chunker = new Chunker(10);
    const piece = pattern(8);
    chunker.push(pattern(3));
    chunker.push(piece);
    structuredClone(piece, { transfer: [piece.buffer] });
    expect(() => chunker.take(true)).toThrow(
      expect.objectContaining({ code: CommErrorCode.BAD_DATA }) as Error,
    );
  });
});
