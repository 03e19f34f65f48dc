import { VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';

import type { CellRequest } from '../../lib/cellnet/cell-message.js';
import { FairMap } from '../../lib/cellnet/fair-map.js';
import { InboundStreams } from '../../lib/cellnet/inbound-streams.js';
import { PeerDialects } from '../../lib/cellnet/peer-dialects.js';
import { STREAM_DEFAULTS } from '../../lib/cellnet/stream-options.js';
import { pattern } from '../support/pattern.js';

describe('a map with shares', () => {
  /** Three for each owner, five in all. */
  const filled = (...keys: string[]) => {
    const map = new FairMap<number>({ maxOwned: 3, maxEntries: 5 });
    for (const [at, key] of keys.entries()) map.set(key, at, key.slice(0, 1));
    return { map, keys: () => [...map].map(([key]) => key) };
  };

  it('evicts the oldest of an owner beyond its share, and beyond all the oldest of who has most', () => {
    expect(filled('b1', 'a1', 'a2', 'a3', 'a4', 'a5').keys()).toEqual(['b1', 'a3', 'a4', 'a5']);
    expect(filled('b1', 'a1', 'a2', 'a3', 'c1', 'd1').keys()).toEqual(['b1', 'a2', 'a3', 'c1', 'd1']);
    expect(filled('a1', 'b1', 'c1', 'd1', 'e1', 'e2').keys()).toEqual(['a1', 'b1', 'c1', 'd1', 'e2']);
  });

  it('tells what it evicts, and not what is deleted or set again', () => {
    const evicted: number[] = [];
    const map = new FairMap<number>({ maxOwned: 1, maxEntries: 2 }, (value) => evicted.push(value));
    for (const [at, key] of ['a1', 'a2', 'a2', 'b1', 'c1'].entries()) map.set(key, at, key.slice(0, 1));
    map.delete('b1');
    expect(evicted).toEqual([0, 4]);
  });

  it('deletes all of one owner', () => {
    const { map, keys } = filled('a1', 'b1', 'a2');
    expect([map.deleteOwned('a'), map.deleteOwned('a'), keys()]).toEqual([true, false, ['b1']]);
    map.set('a3', 3, 'a');
    expect(keys()).toEqual(['b1', 'a3']);
  });

  it('keeps what is set again or refreshed, and forgets what is deleted', () => {
    const { map, keys } = filled('a1', 'a2', 'a1', 'a3');
    map.refresh('a2');
    map.refresh('unknown');
    map.set('a4', 4, 'a');
    expect(keys()).toEqual(['a3', 'a2', 'a4']);
    map.set('a2', 5, 'b');
    map.delete('a3');
    map.delete('a3');
    map.set('a5', 6, 'a');
    map.set('a6', 7, 'a');
    expect([keys(), map.get('a2'), map.size]).toEqual([['a4', 'a2', 'a5', 'a6'], 5, 4]);
    map.clear();
    expect([keys(), map.get('a2')]).toEqual([[], undefined]);
  });
});

describe('a neighbour that floods', () => {
  it('has no stream of another handled twice, which is sent again when it is over', () => {
    const handled: string[] = [];
    const streams = new InboundStreams(
      STREAM_DEFAULTS,
      new PeerDialects(),
      new VirtualTimeScheduler(),
      () => undefined,
      () => undefined,
    );
    streams.handlers.add('c', 't', (stream) => {
      handled.push(stream.origin);
      stream.bytes$.subscribe();
    });
    const receive = (neighbour: string, id: number, channel: string) =>
      streams.receive({
        origin: neighbour,
        neighbour,
        channel: '',
        topic: '',
        headers: { sm__id: id, sm__sq: 0, sm__dt: 2, sm__ch: channel, sm__tp: 't', sm__rs: true },
        payload: pattern(1),
        replyExpected: false,
      } satisfies CellRequest);
    receive('good', 1, 'c');
    for (let id = 0; id < 10_001; id += 1) receive('evil', id, 'unknown');
    receive('good', 1, 'c');
    expect(handled).toEqual(['good']);
    receive('evil', 0, 'c');
    receive('evil', 10_000, 'c');
    expect(handled).toEqual(['good', 'evil']);
    streams.stop();
  });

  it('has nothing of how others speak forgotten, nor what it still shows itself', () => {
    const dialects = new PeerDialects();
    dialects.learn('good', { fobs: '2.4' }, 'good');
    dialects.learn('evil', { fobs: '2.4' }, 'evil');
    for (let number = 0; number < 19_500; number += 1) {
      dialects.learn(`evil.${number}`, { fobs: '2.7' }, 'evil');
      if (number % 700 === 0) dialects.learn('evil', { fobs: '2.4' }, 'evil');
    }
    const spoken = ['good', 'evil', 'evil.0', 'evil.19499'].map((fqcn) => dialects.of(fqcn).fobs);
    expect(spoken).toEqual(['2.4', '2.4', undefined, '2.7']);
  });
});
