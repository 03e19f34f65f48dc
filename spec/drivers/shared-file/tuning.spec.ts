import { describe, expect, it } from 'vitest';

import { DEFAULT_TUNING, resolveTuning, tuningQuery } from '../../../lib/drivers/shared-file/tuning.js';
import { CommErrorCode } from '../../../lib/index.js';
import { parseUrl } from '../../../lib/transport/url.js';

describe('resolveTuning', () => {
  it('has the defaults of NVFlare', () => {
    expect(resolveTuning({})).toEqual(DEFAULT_TUNING);
    expect(resolveTuning({ poll_interval: '', fsync: '', dir_mode: '' })).toEqual(DEFAULT_TUNING);
  });

  it('takes seconds, bytes and octal modes from the query of a URL', () => {
    const query =
      'poll_interval=0.05&max_poll_interval=0.5&max_log_size=1e6&lease_interval=5&lease_timeout=30&fsync=true&file_mode=0600&dir_mode=700';
    expect(resolveTuning(parseUrl(`shared-file://0/dir?${query}`))).toEqual({
      pollIntervalMs: 50,
      maxPollIntervalMs: 500,
      maxLogBytes: 1_000_000,
      leaseIntervalMs: 5_000,
      leaseTimeoutMs: 30_000,
      fsync: true,
      fileMode: 0o600,
      directoryMode: 0o700,
    });
  });

  it('polls at most every millisecond, and waits at least as long at most as at least', () => {
    expect(resolveTuning({ poll_interval: 0.00001, max_poll_interval: 0.00001 })).toMatchObject({
      pollIntervalMs: 1,
      maxPollIntervalMs: 1,
    });
    expect(resolveTuning({ poll_interval: 5 })).toMatchObject({
      pollIntervalMs: 5_000,
      maxPollIntervalMs: 5_000,
    });
  });

  it('lets the driver win over the connector, except for the size of logs', () => {
    const local = { poll_interval: 1, fsync: true, max_log_size: 5 };
    expect(resolveTuning({ poll_interval: 2, max_log_size: 7 }, local)).toMatchObject({
      pollIntervalMs: 1_000,
      fsync: true,
      maxLogBytes: 7,
    });
    expect(resolveTuning({}, local).maxLogBytes).toBe(DEFAULT_TUNING.maxLogBytes);
  });

  it.each([
    { poll_interval: 'often' },
    { poll_interval: 0 },
    { max_poll_interval: -1 },
    { max_log_size: 0 },
    { lease_interval: NaN },
    { lease_timeout: Infinity },
    { file_mode: '0689' },
    { file_mode: 0o10000 },
    { dir_mode: 7.5 },
    { dir_mode: 'rwx' },
    { dir_mode: true },
  ])('refuses %j with BAD_CONFIG that names it', (params) => {
    expect(() => resolveTuning(params)).toThrow(
      expect.objectContaining({
        code: CommErrorCode.BAD_CONFIG,
        message: expect.stringContaining(Object.keys(params)[0] ?? '') as string,
      }) as Error,
    );
  });
});

describe('tuningQuery', () => {
  it('has the settings and nothing else', () => {
    const query = tuningQuery({
      root_dir: '/dir',
      lease_timeout: 30,
      fsync: false,
      poll_interval: '0.5',
      dir_mode: '',
    });
    expect(query).toBe('?poll_interval=0.5&lease_timeout=30&fsync=false');
    expect(tuningQuery({ root_dir: '/dir' })).toBe('');
  });

  it('has modes in octal, as they are read', () => {
    const query = tuningQuery({ file_mode: 0o640, dir_mode: '0750' });
    expect(query).toBe('?file_mode=640&dir_mode=0750');
    expect(resolveTuning(parseUrl(`shared-file://0/dir${query}`))).toMatchObject({
      fileMode: 0o640,
      directoryMode: 0o750,
    });
  });
});
