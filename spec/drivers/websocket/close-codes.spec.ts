import { describe, expect, it } from 'vitest';

import {
  CloseCode,
  closeCodeOf,
  closeError,
  closeReasonOf,
  privateCodeOf,
} from '../../../lib/drivers/websocket/close-codes.js';
import { CommError, CommErrorCode } from '../../../lib/index.js';

describe('closeError', () => {
  it.each([1000, 1001, 1005])('takes %i for a clean end', (code) => {
    expect(closeError(code, '', 'CN00001')).toBeUndefined();
  });

  it.each([
    [1002, CommErrorCode.BAD_DATA],
    [1003, CommErrorCode.BAD_DATA],
    [1006, CommErrorCode.CLOSED],
    [1008, CommErrorCode.BAD_DATA],
    [1009, CommErrorCode.BAD_DATA],
    [1011, CommErrorCode.ERROR],
    [1012, CommErrorCode.CLOSED],
    [1013, CommErrorCode.NOT_READY],
    [3000, CommErrorCode.CLOSED],
    [4002, CommErrorCode.BAD_DATA],
    [4011, CommErrorCode.ERROR],
    [4999, CommErrorCode.CLOSED],
  ])('takes %i for %s', (code, expected) => {
    const error = closeError(code, 'too bad', 'CN00001');
    expect(error).toMatchObject({ code: expected });
    expect(error?.message).toMatch(new RegExp(`^CN00001: .*${code}.*"too bad"$`));
  });
});

describe('closeReasonOf', () => {
  it('tells a peer that another connection takes its place, and nothing else', () => {
    const replaced = new CommError(CommErrorCode.CLOSED, 'by 10.0.0.7', { detail: 'replaced' });
    expect(closeReasonOf(replaced)).not.toContain('10.0.0.7');
    for (const code of [CloseCode.GOING_AWAY, CloseCode.NORMAL])
      expect(closeError(code, closeReasonOf(replaced), 'CN00001')).toMatchObject({
        code: CommErrorCode.CLOSED,
        detail: 'replaced',
        message: expect.stringContaining('CN00001: another connection') as string,
      });
    for (const reason of [undefined, new CommError(CommErrorCode.CLOSED, 'secret')])
      expect(closeReasonOf(reason)).toBe('');
  });
});

describe('closeCodeOf', () => {
  it.each([
    [undefined, CloseCode.NORMAL],
    [CommErrorCode.CLOSED, CloseCode.GOING_AWAY],
    [CommErrorCode.BAD_DATA, CloseCode.PROTOCOL_ERROR],
    [CommErrorCode.BAD_CONFIG, CloseCode.POLICY],
    [CommErrorCode.NOT_READY, CloseCode.TRY_AGAIN_LATER],
    [CommErrorCode.TIMEOUT, CloseCode.INTERNAL_ERROR],
  ])('tells the peer of %s by %i', (code, expected) => {
    expect(closeCodeOf(code === undefined ? undefined : new CommError(code, 'x'))).toBe(expected);
  });
});

describe('privateCodeOf', () => {
  it('stays within what a page may send, and means the same', () => {
    for (const code of [1000, 1001, 1002, 1003, 1009, 1011, 1013] as const) {
      const sent = privateCodeOf(code);
      expect(sent === 1000 || (sent >= 3000 && sent < 5000)).toBe(true);
      expect(closeError(sent, '', 'x')?.code).toBe(closeError(code, '', 'x')?.code);
    }
  });
});
