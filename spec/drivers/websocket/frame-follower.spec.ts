import { describe, expect, it } from 'vitest';

import { FrameFollower } from '../../../lib/drivers/websocket/frame-follower.js';

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

/** The fragments of each piece that is passed on, and where it ends. */
function piecesOf(
  bytes: readonly number[],
  chunkBytes: number,
  isMasked = true,
): [end: number, fragments: number][] {
  const follower = new FrameFollower(isMasked);
  const pieces: [number, number][] = [];
  for (let begin = 0; begin < bytes.length; begin += chunkBytes) {
    const chunk = Uint8Array.from(bytes.slice(begin, begin + chunkBytes));
    for (let at = 0; at < chunk.length;) {
      at = follower.follow(chunk, at);
      pieces.push([begin + at, follower.fragments]);
    }
  }
  expect(follower.isBetweenMessages).toBe(true);
  return pieces;
}

const CASES = [true, false].flatMap((isMasked) =>
  [0, 1, 125, 126, 0xffff, 0x1_0000].map((payloadBytes) => ({ isMasked, payloadBytes })),
);

describe('FrameFollower', () => {
  it.each(CASES)(
    'counts fragments of $payloadBytes bytes, masked: $isMasked',
    ({ isMasked, payloadBytes }) => {
      const bytes = [
        ...frame(0x02, payloadBytes, isMasked),
        ...frame(0x00, payloadBytes, isMasked),
        ...frame(0x89, 125, isMasked),
        ...frame(0x00, payloadBytes, isMasked),
        ...frame(0x80, payloadBytes, isMasked),
      ];
      expect(piecesOf(bytes, bytes.length, isMasked)).toEqual([[bytes.length, 3]]);
      expect(piecesOf(bytes, 1, isMasked).reduce((most, [, fragments]) => Math.max(most, fragments), 0)).toBe(
        3,
      );
    },
  );

  it('stops where a message ends, or a control frame between two', () => {
    const messages = [
      [...frame(0x02, 1, true), ...frame(0x00, 1, true), ...frame(0x80, 1, true)],
      frame(0x82, 300, true),
      frame(0x89, 0, true),
      [...frame(0x01, 0, true), ...frame(0x8a, 5, true), ...frame(0x80, 0, true)],
    ];
    const ends = messages.map((_, index) => messages.slice(0, index + 1).flat().length);
    expect(piecesOf(messages.flat(), 10_000)).toEqual(ends.map((end, index) => [end, [2, 0, 0, 1][index]]));
    for (const chunkBytes of [1, 2, 3, 7])
      expect(piecesOf(messages.flat(), chunkBytes).map(([end]) => end)).toEqual(expect.arrayContaining(ends));
  });
});
