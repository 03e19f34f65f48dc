import { describe, expect, it } from 'vitest';

import { FragmentCounter } from '../../../lib/drivers/websocket/fragment-counter.js';

const MASK = [1, 2, 3, 4];

/** A WebSocket frame whose payload looks like headers of fragments. */
function frame(first: number, payloadBytes: number, isMasked: boolean): number[] {
  const length =
    payloadBytes < 126
      ? [payloadBytes]
      : payloadBytes < 0x1_0000
        ? [126, payloadBytes >> 8, payloadBytes & 0xff]
        : [127, 0, 0, 0, 0, 0, payloadBytes >> 16, (payloadBytes >> 8) & 0xff, payloadBytes & 0xff];
  length[0] = (length[0] ?? 0) | (isMasked ? 0x80 : 0);
  return [first, ...length, ...(isMasked ? MASK : []), ...new Array<number>(payloadBytes).fill(0x02)];
}

function countsOf(bytes: readonly number[], chunkBytes: number): number[] {
  const counter = new FragmentCounter();
  const counts: number[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes)
    counts.push(counter.push(Uint8Array.from(bytes.slice(at, at + chunkBytes))));
  return counts;
}

const CASES = [true, false].flatMap((isMasked) =>
  [0, 1, 125, 126, 0xffff, 0x1_0000].map((payloadBytes) => ({ isMasked, payloadBytes })),
);

describe('a counter of fragments', () => {
  it.each(CASES)('counts those of $payloadBytes bytes, masked: $isMasked', ({ isMasked, payloadBytes }) => {
    const bytes = [
      ...frame(0x02, payloadBytes, isMasked),
      ...frame(0x00, payloadBytes, isMasked),
      ...frame(0x89, 125, isMasked),
      ...frame(0x00, payloadBytes, isMasked),
    ];
    expect(countsOf(bytes, bytes.length)).toEqual([3]);
    expect(countsOf(bytes, 1).at(-1)).toBe(3);
  });

  it('begins again behind the last fragment, and knows the maximum of a chunk', () => {
    const message = [...frame(0x02, 1, true), ...frame(0x00, 1, true), ...frame(0x80, 1, true)];
    const bytes = [...message, ...message, ...frame(0x82, 300, true), ...frame(0x02, 1, true)];
    expect(countsOf(bytes, bytes.length)).toEqual([2]);
    expect(countsOf(bytes, 1).at(-1)).toBe(1);
  });
});
