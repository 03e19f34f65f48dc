import { describe, expect, it } from 'vitest';

import { growth, NOTHING_SEEN, type Seen } from '../../lib/flare/log-growth.js';

const MAX = 5_000;
/** What servers make of a long log, by their version. */
const tail = (log: string): string =>
  log.length > MAX ? `... output truncated to last ${MAX} bytes ...\n${log.slice(-MAX)}` : log;
const beginning = (log: string): string =>
  log.length > MAX ? `${log.slice(0, MAX)}\n... output truncated after ${MAX} bytes ...\n` : log;

const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, index) => `2026-11-26 12:00:00,000 - line ${from + index}\n`).join(
    '',
  );

/** Everything that was added while a log grew to so many lines, a few at a time. */
function followed(answer: (log: string) => string, step: number): { all: string; seen: Seen; anew: number } {
  let seen = NOTHING_SEEN;
  let all = '';
  let anew = 0;
  for (let count = step; count <= 400; count += step) {
    seen = growth(seen, answer(lines(0, count)));
    all += seen.added;
    anew += Number(seen.isAnew);
  }
  return { all, seen, anew };
}

describe('a log that grows', () => {
  it('is followed where the server sends its end alone', () => {
    const { all, seen, anew } = followed(tail, 10);
    expect(all).toBe(lines(0, 400));
    expect(anew).toBe(0);
    expect(seen.gap).toBeNull();
  });

  it('shows where some of it is missing, and says so', () => {
    const { all, seen, anew } = followed(tail, 200);
    expect(all).toBe(lines(0, 0) + tail(lines(0, 200)) + tail(lines(0, 400)));
    expect(anew).toBe(0);
    expect(seen.gap).toMatch(/last 5 MiB/);
  });

  it('ends with what the server says where that sends its beginning alone', () => {
    const { all, seen, anew } = followed(beginning, 10);
    expect(all).toBe(beginning(lines(0, 400)));
    expect(anew).toBe(0);
    expect(seen.gap).toMatch(/first 5 MiB/);
  });

  it('begins anew where another log is there', () => {
    expect(growth(growth(NOTHING_SEEN, lines(0, 20)), lines(30, 40))).toMatchObject({
      isAnew: true,
      added: lines(30, 40),
    });
  });
});
