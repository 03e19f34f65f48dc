import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { pageServer } from '../../lib/cli/page-server.js';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rxflare-page-'));
});
afterEach(() => rm(directory, { recursive: true }));

describe('the page of the package', () => {
  it('is missed where only another one was built', async () => {
    await writeFile(join(directory, 'index.html'), '<!doctype html>');
    const serve = (index: 'index.html' | 'federation.html') => pageServer(() => false, index, directory);
    expect(() => serve('federation.html')).toThrow('build it with "npm run dashboard"');
    expect(() => serve('index.html')).not.toThrow();
  });
});
