import { describe, expect, it } from 'vitest';

import { MAX_HOPS } from '../../lib/cluster/beat.js';
import { Hops } from '../../lib/cluster/hops.js';

const tally = (messages: number) => ({ messages, bytes: messages * 10 });

function hopsOf(...links: readonly (readonly [replica: string, sent: number, received: number])[]): Hops {
  const traffic = new Map(
    links.map(([replica, sent, received]) => [replica, { sent: tally(sent), received: tally(received) }]),
  );
  return new Hops('self', {
    traffic: () => traffic,
    find: (replica) => {
      const found = traffic.get(replica);
      return found && { traffic: found };
    },
  });
}

describe('the hops between replicas', () => {
  it('are ours, those to us as they arrived, and the others as they were told', () => {
    const hops = hopsOf(['b', 3, 4], ['c', 0, 0]);
    hops.take('b', [
      { to: 'self', ...tally(99) },
      { to: 'c', ...tally(7) },
    ]);
    expect(hops.sentBy('self')).toEqual([{ to: 'b', ...tally(3) }]);
    expect(hops.sentBy('b')).toEqual([
      { to: 'self', ...tally(4) },
      { to: 'c', ...tally(7) },
    ]);
    expect(hops.sentBy('c')).toEqual([]);
    hops.forget('b');
    expect(hops.sentBy('b')).toEqual([{ to: 'self', ...tally(4) }]);
  });

  it('tell of the busiest in a sign of life', () => {
    const { summary } = hopsOf(...Array.from({ length: MAX_HOPS + 10 }, (_, n) => [`r-${n}`, n, 0] as const));
    expect(summary).toHaveLength(MAX_HOPS);
    expect(summary[0]).toEqual({ to: `r-${MAX_HOPS + 9}`, ...tally(MAX_HOPS + 9) });
    expect(summary.at(-1)).toEqual({ to: 'r-10', ...tally(10) });
  });
});
