import { Socket } from 'node:net';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { fromNodeError } from '../../lib/drivers/node/node-errors.js';
import { TcpDriver } from '../../lib/drivers/index.js';
import { CommErrorCode } from '../../lib/index.js';
import { parseUrl } from '../../lib/transport/url.js';
import { pair } from '../contract/pair.js';

const driver = new TcpDriver();

afterEach(() => vi.restoreAllMocks());

describe('a socket', () => {
  it('sends small frames without delay, on both sides', async () => {
    const setNoDelay = vi.spyOn(Socket.prototype, 'setNoDelay');
    const made = await pair({
      driver,
      listenParams: () => Promise.resolve(parseUrl('tcp://127.0.0.1:0')),
      connectParams: parseUrl,
    });
    const sockets = new Set(setNoDelay.mock.contexts);
    expect(sockets.size).toBe(2);
    expect(setNoDelay.mock.calls.every(([isOn]) => isOn === true)).toBe(true);
    await made.release();
  });

  it.each([
    ['EPIPE', CommErrorCode.CLOSED],
    ['ECONNRESET', CommErrorCode.CLOSED],
    ['ETIMEDOUT', CommErrorCode.TIMEOUT],
    ['EWHATEVER', CommErrorCode.ERROR],
  ])('that fails with %s is told as %s', (code, expected) => {
    const error = Object.assign(new Error('it failed'), { code });
    expect(fromNodeError(error, 'CN00001 127.0.0.1:1')).toMatchObject({
      code: expected,
      message: 'CN00001 127.0.0.1:1: it failed',
      cause: error,
    });
  });
});
