import { EMPTY, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { messageOf } from '../../lib/comm-error.js';
import { type InboundHost, InboundStream } from '../../lib/cellnet/inbound-stream.js';
import { pattern } from '../support/pattern.js';

/** A stream of which these chunks of 1,000 bytes have come, and what its table is told. */
function setUp(sequences: readonly number[] = [0, 1, 2]) {
  const told = { held: 0, refusals: [] as unknown[] };
  const host: InboundHost = {
    maxUnreadBytes: 10_000,
    acknowledge: () => undefined,
    close: (_stream, refusal) => told.refusals.push(refusal),
    hold: (bytes) => (told.held += bytes) >= 0,
  };
  const headers = { sm__id: 1, sm__ch: 'c', sm__tp: 't' };
  const origin = 'site-2';
  const request = { origin, neighbour: origin, channel: '', topic: '', payload: null, replyExpected: false };
  const stream = new InboundStream({ ...request, headers }, host);
  const take = (sequence: number) => stream.take({ ...headers, sm__sq: sequence, sm__dt: 1 }, pattern(1_000));
  for (const sequence of sequences) take(sequence);
  return { stream, told, take };
}

describe('the memory of an incoming stream', () => {
  it.each<[string, (stream: InboundStream) => Observable<unknown>]>([
    ['in the middle of what waited', (stream) => stream.consume(() => stream.refuse())],
    ['in a task for what waited', (stream) => stream.consume(() => (stream.refuse(), EMPTY))],
    [
      'at the second piece',
      (stream) => {
        let pieces = 0;
        return stream.consume(() => ((pieces += 1) === 2 ? stream.refuse() : undefined));
      },
    ],
  ])('is let go of once where it is refused %s', (_name, read) => {
    const { stream, told, take } = setUp();
    expect(told.held).toBe(3_000);
    const ends: unknown[] = [];
    read(stream).subscribe({ error: (error: unknown) => ends.push(messageOf(error)) });
    take(3);
    expect(told).toEqual({ held: 0, refusals: ['refused'] });
    expect(ends).toEqual(['stream of site-2: we refused it: "refused"']);
  });
});

describe('an incoming stream that nobody reads', () => {
  it('is given up though its chunks go on', () => {
    const { stream, told, take } = setUp();
    for (const next of [3, 4, 5]) {
      stream.sweep();
      take(next);
    }
    expect(told).toEqual({ held: 0, refusals: ['nobody reads it'] });
  });

  it('has its whole time for the next chunk once it is read', () => {
    // The first chunk is missing, so that there is nothing to read.
    const { stream, told } = setUp([1]);
    const sweepTwice = () => [stream.sweep(), stream.sweep()];
    sweepTwice();
    stream.chunks$.subscribe({ error: () => undefined });
    sweepTwice();
    expect(told.refusals).toEqual([]);
    stream.sweep();
    expect(told.refusals).toEqual(['no chunk comes']);
  });
});
