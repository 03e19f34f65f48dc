import { BehaviorSubject, EMPTY, firstValueFrom, type Observable, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { CommErrorCode } from '../../lib/comm-error.js';
import type { PropertiesSource } from '../../lib/options.js';
import { askProperties } from '../../lib/sfm/ask-properties.js';

const given = { token: 'abc' };

describe('the properties of a handshake', () => {
  it.each<[string, PropertiesSource]>([
    ['a function', () => given],
    ['a function of a promise', () => Promise.resolve(given)],
    ['a function of an Observable', () => of(given)],
    ['an Observable', of(given)],
  ])('come from %s', async (_, source) => {
    await expect(firstValueFrom(askProperties(source))).resolves.toEqual(given);
  });

  it('are asked for each time, and taken once', () => {
    const source = new BehaviorSubject({ token: 'abc' });
    const seen: unknown[] = [];
    const note = () => askProperties(source).subscribe((properties) => seen.push(properties));
    note();
    source.next({ token: 'new' });
    note();
    expect(seen).toEqual([{ token: 'abc' }, { token: 'new' }]);
  });

  it.each<[string, unknown]>([
    ['text', 'abc'],
    ['null', null],
    ['a list', []],
    ['undefined', undefined],
    ['an empty Observable', EMPTY],
  ])('are BAD_CONFIG where they are %s', async (_, none) => {
    const source = (() => none) as unknown as PropertiesSource;
    await expect(firstValueFrom(askProperties(source))).rejects.toMatchObject({
      code: CommErrorCode.BAD_CONFIG,
      message: expect.stringContaining('option properties') as unknown,
    });
  });

  it.each<[string, () => Observable<never>]>([
    ['fails', () => throwError(() => new Error('boom'))],
    [
      'throws',
      () => {
        throw new Error('boom');
      },
    ],
  ])('are an error where the source %s', async (_, source) => {
    await expect(firstValueFrom(askProperties(source))).rejects.toMatchObject({
      code: CommErrorCode.ERROR,
      message: 'option properties: boom',
    });
  });
});
