import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { InboundStreams } from '../../lib/cellnet/inbound-streams.js';
import { PeerDialects } from '../../lib/cellnet/peer-dialects.js';
import { STREAM_DEFAULTS } from '../../lib/cellnet/stream-options.js';
import type { MessageHeaders } from '../../lib/message.js';
import { marbles } from '../support/marbles.js';
import { pattern } from '../support/pattern.js';

const DAY_MS = 86_400_000;
/** What is over is forgotten at a sweep. */
const SWEEP_MS = 60_000;

/** Streams of one chunk each, and which of them were handled. */
function setUp(scheduler: SchedulerLike) {
  const handled: unknown[] = [];
  const answers: unknown[] = [];
  const streams = new InboundStreams(
    { ...STREAM_DEFAULTS, idleTimeoutMs: 2 * SWEEP_MS },
    new PeerDialects(),
    scheduler,
    (_target, topic, headers) => answers.push([topic, headers.sm__dt, headers.sm__em]),
    () => undefined,
  );
  streams.handlers.add('c', 't', (stream) => {
    handled.push(stream.headers.sm__id);
    stream.bytes$.subscribe({ error: () => undefined });
  });
  const receive = (id: number, more: MessageHeaders = {}) => {
    const place = { origin: 'site-2', neighbour: 'site-2', channel: '', topic: '' };
    const headers = { sm__id: id, sm__sq: 0, sm__dt: 2, sm__ch: 'c', sm__tp: 't', sm__rs: true, ...more };
    streams.receive({ ...place, headers, payload: pattern(1), replyExpected: false });
  };
  return { streams, handled, answers, receive };
}

describe('a stream that is encrypted', () => {
  it.each([[0], [1]])('is refused with its chunk %i, and its sender hears why', (sequence) => {
    marbles((scheduler) => {
      const { streams, answers, receive } = setUp(scheduler);
      const ends: unknown[] = [];
      streams.handlers.add('c', 'errors', (stream) => {
        stream.bytes$.subscribe({ error: (error: unknown) => ends.push(error) });
      });
      for (const sm__sq of [0, 1])
        receive(1, {
          sm__tp: 'errors',
          sm__dt: 1,
          sm__sq,
          cn__encrypted: sm__sq === sequence,
          sm__rs: false,
        });
      expect(ends).toMatchObject([{ returnCode: 'invalid_request' }]);
      expect(answers).toEqual([['sm__ACK', 6, 'a chunk is encrypted']]);
      streams.stop();
    });
  });
});

describe('a reliable stream that is over', () => {
  it.each<[unknown, number]>([
    [undefined, 65_000],
    [60, 65_000],
    [600, 605_000],
    [0.5, 65_000],
    [Infinity, DAY_MS],
    [NaN, 65_000],
    ['600', 65_000],
  ])('is remembered while its sender, which tries for %s s, may send it again: %i ms', (seconds, forMs) => {
    marbles((scheduler, { flush }) => {
      const { streams, handled, receive } = setUp(scheduler);
      const again = () => receive(1, { sm__rt: seconds } as MessageHeaders);
      again();
      scheduler.schedule(again, forMs - 1);
      scheduler.schedule(() => {
        expect(handled).toEqual([1]);
        again();
        streams.stop();
      }, forMs + SWEEP_MS);
      flush();
      expect(handled).toEqual([1, 1]);
    });
  });

  it('is remembered as long where it was refused before its first chunk', () => {
    marbles((scheduler, { flush }) => {
      const { streams, answers, receive } = setUp(scheduler);
      let taken = 0;
      streams.handlers.add('c', 'refused', (stream) => {
        taken += 1;
        stream.refuse();
      });
      const again = () => receive(1, { sm__tp: 'refused', sm__rt: 600 });
      again();
      scheduler.schedule(() => {
        again();
        streams.stop();
      }, 604_999);
      flush();
      expect([taken, answers.length]).toEqual([1, 2]);
    });
  });

  it('is forgotten in time, also behind one that is remembered for longer', () => {
    marbles((scheduler, { flush }) => {
      const { streams, handled, receive } = setUp(scheduler);
      receive(1, { sm__rt: 3_600 });
      receive(2);
      scheduler.schedule(() => {
        receive(1);
        receive(2);
        streams.stop();
      }, 65_000 + SWEEP_MS);
      flush();
      expect(handled).toEqual([1, 2, 2]);
    });
  });
});

describe('where the wall clock is set', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('a stream that is over is remembered all the same', () => {
    const { streams, handled, receive } = setUp(asyncScheduler);
    receive(1);
    vi.setSystemTime(Date.now() + DAY_MS);
    vi.advanceTimersByTime(SWEEP_MS);
    receive(1);
    expect(handled).toEqual([1]);
    streams.stop();
  });
});
