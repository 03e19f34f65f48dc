import { lastValueFrom, of, Subject, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { joinParts, logParts, MAX_PART } from '../../../lib/flare/dashboard/log-parts.js';
import { whenRoom } from '../../../lib/flare/dashboard/when-room.js';

const text = (log: string | null, obstacle: string | null = null) => ({ text: log, obstacle, isLast: false });
const partsOf = (...texts: readonly ReturnType<typeof text>[]) =>
  lastValueFrom(logParts(of(...texts)).pipe(toArray()));
const part = (added: string, more: object = {}) => ({
  text: added,
  skipped: 0,
  isAnew: false,
  obstacle: null,
  ...more,
});

describe('the parts of a log', () => {
  it('are what is added', async () => {
    expect(await partsOf(text('a'), text('a'), text('ab'), text('abc'))).toEqual([
      part('a'),
      part('b'),
      part('c'),
    ]);
  });

  it('begin anew where the log does', async () => {
    expect(await partsOf(text('abc'), text('xyz'))).toEqual([part('abc'), part('xyz', { isAnew: true })]);
  });

  it('say why there is none, until there is one, and not when it is gone', async () => {
    expect(await partsOf(text(null, 'not yet'), text('a'), text(null, 'moved'))).toEqual([
      part('', { obstacle: 'not yet' }),
      part('a'),
    ]);
  });

  it('have a limit, by which the beginning goes', async () => {
    const [only] = await partsOf(text(`start${'x'.repeat(MAX_PART)}`));
    expect(only).toEqual(part('x'.repeat(MAX_PART), { skipped: 5 }));
    const joined = joinParts(part('y'.repeat(10), { skipped: 2 }), part('x'.repeat(MAX_PART)));
    expect(joined).toEqual(part('x'.repeat(MAX_PART), { skipped: 12 }));
    expect(joinParts(part('old'), part('new', { isAnew: true }))).toEqual(part('new', { isAnew: true }));
  });
});

describe('values that wait for room', () => {
  it('become one', () => {
    const [values, room] = [new Subject<string>(), new Subject<void>()];
    const passed: string[] = [];
    values
      .pipe(
        whenRoom(
          () => room,
          (one, other) => one + other,
        ),
      )
      .subscribe((value) => passed.push(value));
    values.next('a');
    room.next();
    values.next('b');
    values.next('c');
    values.next('d');
    expect(passed).toEqual(['a']);
    room.next();
    expect(passed).toEqual(['a', 'bcd']);
    room.next();
    values.next('e');
    room.next();
    expect(passed).toEqual(['a', 'bcd', 'e']);
  });

  it('come before the end', () => {
    const [values, room] = [new Subject<string>(), new Subject<void>()];
    const seen: string[] = [];
    values
      .pipe(
        whenRoom(
          () => room,
          (_, later) => later,
        ),
      )
      .subscribe({ next: (value) => seen.push(value), complete: () => seen.push('end') });
    values.next('a');
    values.next('b');
    values.complete();
    room.next();
    expect(seen).toEqual(['b', 'end']);
  });
});
