import { firstValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { formatFileUrl, requireDirectory } from '../../../lib/drivers/shared-file/file-url.js';
import { SharedFileDriver } from '../../../lib/drivers/shared-file/shared-file-driver.js';
import { CommErrorCode } from '../../../lib/index.js';

const scheme = 'shared-file';

describe('requireDirectory', () => {
  // What NVFlare's parse_file_url makes of each.
  it.each([
    ['shared-file://0/shared/dir', '/shared/dir'],
    ['SHARED-FILE://0/shared/Dir', '/shared/Dir'],
    ['shared-file://0/shared/dir/', '/shared/dir'],
    ['shared-file://0/a%20b', '/a%20b'],
    ['shared-file://0/a b', '/a b'],
    ['shared-file://0/%zz/ü?poll_interval=0.5', '/%zz/ü'],
    ['shared-file://0/a/../b', '/a/../b'],
    ['shared-file://0//a', '//a'],
    ['shared-file://0/a;b@c:d', '/a;b@c:d'],
    ['shared-file://0/a?poll_interval=1?/b', '/a'],
  ])('takes the path of %s literally', (url, path) => {
    expect(requireDirectory({ scheme, url })).toBe(path);
  });

  it('takes a path without a URL', () => {
    expect(requireDirectory({ scheme, path: '/shared/dir/' })).toBe('/shared/dir');
  });

  it.each([
    ['a host', { url: 'shared-file://hub/dir' }],
    ['a port', { url: 'shared-file://0:80/dir' }],
    ['no authority', { url: 'shared-file:///dir' }],
    ['no path', { url: 'shared-file://0' }],
    ['the root alone', { url: 'shared-file://0/' }],
    ['a query alone', { url: 'shared-file://0?poll_interval=1' }],
    ['a fragment', { url: 'shared-file://0/dir#part' }],
    ['a line feed', { url: 'shared-file://0/d\nir' }],
    ['a carriage return', { url: 'shared-file://0/d\rir' }],
    ['a tab', { url: 'shared-file://0/d\tir' }],
    ['another scheme', { url: 'file://0/dir' }],
    ['neither URL nor path', {}],
    ['a relative path', { path: 'dir' }],
    ['an empty path', { path: '' }],
    ['a question mark in a path', { path: '/d?ir' }],
    ['a hash in a path', { path: '/d#ir' }],
  ])('refuses %s with BAD_CONFIG, also in connect and listen', async (_, params) => {
    const refusal = { code: CommErrorCode.BAD_CONFIG };
    expect(() => requireDirectory({ scheme, ...params })).toThrow(expect.objectContaining(refusal) as Error);
    const driver = new SharedFileDriver();
    await expect(firstValueFrom(driver.connect({ scheme, ...params }))).rejects.toMatchObject(refusal);
    await expect(firstValueFrom(driver.listen({ scheme, ...params }))).rejects.toMatchObject(refusal);
  });
});

describe('formatFileUrl', () => {
  it('is what requireDirectory reads', () => {
    const url = formatFileUrl('/a%20b/c d', { lease_interval: 5, root_dir: '/elsewhere' });
    expect(url).toBe('shared-file://0/a%20b/c d?lease_interval=5');
    expect(requireDirectory({ scheme, url })).toBe('/a%20b/c d');
  });
});
