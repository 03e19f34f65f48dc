import { describe, expect, it } from 'vitest';

import { added, EMPTY_LOG, linesOf } from '../../docs/examples/angular-dashboard/src/federation/log-lines.js';

const part = (text: string, more = {}) => ({ text, skipped: 0, isAnew: false, obstacle: null, ...more });

describe('the lines of a log on the page', () => {
  it('waits for the end of a line', () => {
    const begun = added(EMPTY_LOG, part('first\nsec'));
    expect(begun.lines.map(({ text }) => text)).toEqual(['first']);
    const { lines, isCut } = added(begun, part('ond\n'));
    expect(lines.map(({ number, text }) => `${number} ${text}`)).toEqual(['1 first', '2 second']);
    expect(isCut).toBe(false);
  });

  it('shows a last line whose end never comes', () => {
    const log = added(EMPTY_LOG, part('first\nTraceback (most'));
    expect(linesOf(log).map(({ number, text }) => `${number} ${text}`)).toEqual([
      '1 first',
      '2 Traceback (most',
    ]);
    expect(linesOf(added(log, part(' recent call last):\n'))).at(-1)?.level).toBe('error');
    expect(linesOf(added(EMPTY_LOG, part('x\n'.repeat(2_000) + 'y')))).toHaveLength(2_000);
  });

  it('keeps the head of a long line that comes in parts', () => {
    const log = added(added(EMPTY_LOG, part(`head${'x'.repeat(3_000)}`)), part('tail\n'));
    expect(log.lines[0]?.text).toMatch(/^headx{1996} …$/);
  });

  it('keeps the last 2,000 lines, and of each 2,000 characters', () => {
    let log = EMPTY_LOG;
    for (let count = 0; count < 3; count += 1) log = added(log, part('x\n'.repeat(1_500)));
    expect(log.lines).toHaveLength(2_000);
    expect(log.isCut).toBe(true);
    expect(log.lines.at(-1)?.number).toBe(4_500);
    const long = added(EMPTY_LOG, part(`${'y'.repeat(100_000)}\n${'z'.repeat(100_000)}`));
    expect(long.lines[0]?.text).toHaveLength(2_002);
    expect(linesOf(long).map(({ text }) => text.length)).toEqual([2_002, 2_002]);
  });

  it('begins anew, and says that what came before is left out', () => {
    const log = added(added(EMPTY_LOG, part('old\n')), part('new\n', { isAnew: true }));
    expect(log.lines.map(({ text }) => text)).toEqual(['new']);
    expect(added(EMPTY_LOG, part('a\n', { skipped: 1 })).isCut).toBe(true);
    expect(added(EMPTY_LOG, part('', { obstacle: 'no right' })).obstacle).toBe('no right');
  });

  it.each([
    ['2026-11-26 13:20:44,505 - A - ERROR - [identity=x] - no', 'error'],
    ['Traceback (most recent call last):', 'error'],
    ["ValueError: could not convert string to float: 'n/a'", 'error'],
    ['2026-11-26 13:20:44,505 - A - WARNING - careful', 'warning'],
    ['2026-11-26 13:20:44,505 - A - INFO - no ERROR here', undefined],
  ])('takes %j for %s', (line, level) => {
    expect(added(EMPTY_LOG, part(`${line}\n`)).lines[0]?.level).toBe(level);
  });
});
