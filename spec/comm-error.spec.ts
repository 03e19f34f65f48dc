import { describe, expect, it } from 'vitest';

import { CommError, CommErrorCode } from '../lib/comm-error.js';

describe('CommError', () => {
  it('is an Error with a code, and keeps its cause', () => {
    const cause = new Error('underneath');
    const error = new CommError(CommErrorCode.TIMEOUT, 'too late', { cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: 'CommError', code: 'TIMEOUT', message: 'too late', cause });
    expect(String(error)).toBe('CommError: too late');
  });

  it("has NVFlare's codes, and one for a refusal", () => {
    const nvflare = ['ERROR', 'NOT_READY', 'BAD_DATA', 'BAD_CONFIG', 'CLOSED', 'NOT_SUPPORTED', 'TIMEOUT'];
    const codes = [...nvflare, 'REFUSED'];
    expect(Object.keys(CommErrorCode)).toEqual(codes);
    expect(Object.values(CommErrorCode)).toEqual(codes);
  });
});

describe('CommError.from', () => {
  it('returns a CommError as it is, whatever the context', () => {
    const error = new CommError(CommErrorCode.CLOSED, 'gone');
    expect(CommError.from(error, 'context', CommErrorCode.BAD_DATA)).toBe(error);
  });

  it('wraps an Error with the context before its message', () => {
    const cause = new TypeError('no');
    expect(CommError.from(cause, 'reading')).toMatchObject({ code: 'ERROR', message: 'reading: no', cause });
    expect(CommError.from(cause)).toMatchObject({ message: 'no', cause });
    expect(CommError.from(cause, 'reading', CommErrorCode.BAD_DATA).code).toBe('BAD_DATA');
  });

  it.each([
    ['text', 'text'],
    [undefined, 'undefined'],
    [null, 'null'],
    [7, '7'],
    [Symbol('s'), 'Symbol(s)'],
    [{ a: 1 }, '[object Object]'],
    [Object.create(null) as unknown, '[object Object]'],
    [[1, 2], '[object Array]'],
  ])('wraps what is no Error: %#', (thrown, text) => {
    expect(CommError.from(thrown, 'reading')).toMatchObject({ message: `reading: ${text}`, cause: thrown });
  });
});
