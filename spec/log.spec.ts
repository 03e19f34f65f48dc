import { format } from 'node:util';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { logger } from '../lib/log.js';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

describe('a logger', () => {
  it.each([
    ['rxflare:*', true],
    ['*', true],
    ['rxflare:tcp', true],
    ['express:*,rxflare:t*p', true],
    ['express:* rxflare:tcp', true],
    ['rxflare:*,-rxflare:http', true],
    ['', false],
    [undefined, false],
    ['rxflare', false],
    ['rxflare:', false],
    ['rxflare:tc', false],
    ['rxflare:tc.', false],
    ['rxflare:tcpx', false],
    ['xrxflare:tcp', false],
    ['rxflare:*,-rxflare:tcp', false],
    ['-rxflare:t*,rxflare:*', false],
    ['(', false],
  ])('of tcp is on with DEBUG=%s: %s', (setting, isOn) => {
    vi.stubEnv('DEBUG', setting);
    const write = vi.spyOn(console, 'error').mockReturnValue();
    logger('tcp')('hello');
    expect(write).toHaveBeenCalledTimes(isOn ? 1 : 0);
  });

  it('writes time, namespace and text to standard error', () => {
    vi.stubEnv('DEBUG', 'rxflare:*');
    const write = vi.spyOn(console, 'error').mockReturnValue();
    logger('tcp')('%s has %d', 'site-1', 5);
    expect(write.mock.calls.map((values) => format(...values))).toEqual([
      expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z rxflare:tcp site-1 has 5$/),
    ]);
  });

  describe('in a browser', () => {
    it('is on by localStorage, and writes to the console', () => {
      vi.stubGlobal('process', undefined);
      vi.stubGlobal('localStorage', { getItem: (key: string) => (key === 'debug' ? 'rxflare:http' : null) });
      const write = vi.spyOn(console, 'debug').mockReturnValue();
      logger('tcp')('not this');
      logger('http')('%s', 'this');
      expect(write.mock.calls).toEqual([['%s %s %s', expect.any(String), 'rxflare:http', 'this']]);
    });

    it.each([
      ['nothing in its storage', { getItem: () => null }],
      ['no storage', undefined],
    ])('is off with %s', (_, storage) => {
      vi.stubGlobal('process', undefined);
      vi.stubGlobal('localStorage', storage);
      const write = vi.spyOn(console, 'debug').mockReturnValue();
      logger('http')('not this');
      expect(write).not.toHaveBeenCalled();
    });
  });
});
