import { writeFileSync } from 'node:fs';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, describe, expect, it, vi } from 'vitest';

import {
  namesIn,
  openToAppend,
  openToRead,
  readText,
  touch,
} from '../../../lib/drivers/shared-file/files.js';
import { ownersOf } from '../../../lib/drivers/shared-file/trust.js';
import { CommErrorCode } from '../../../lib/index.js';
import { age, makeRoot, modeOf } from './workspace.js';

const user = process.geteuid?.() ?? 0;
const refused = { code: CommErrorCode.BAD_DATA };

afterEach(() => vi.restoreAllMocks());

describe('a device', () => {
  it('is neither read nor written nor touched', async () => {
    await expect(openToRead('/dev/null', undefined)).rejects.toMatchObject(refused);
    await expect(openToAppend('/dev/null', 0o600, undefined)).rejects.toMatchObject(refused);
    await expect(touch('/dev/null', 0o600, undefined)).rejects.toMatchObject(refused);
  });
});

describe('a file of a stranger', () => {
  it('is neither read nor written nor touched', async () => {
    const path = join(await makeRoot(), 'file');
    await writeFile(path, 'text');
    await age(path, 60);
    const others = new Set([user + 1]);
    for (const call of [
      () => openToRead(path, others),
      () => openToAppend(path, 0o600, others),
      () => touch(path, 0o600, others),
      () => readText(path, 10, others),
    ])
      await expect(call()).rejects.toMatchObject(refused);
    expect(await readText(path, 10, new Set([user]))).toBe('text');
  });

  it('is no stranger where the directory or the lease is theirs', async () => {
    const directory = await makeRoot();
    vi.spyOn(process, 'geteuid').mockReturnValue(user + 1);
    expect(await ownersOf(directory, directory)).toEqual(new Set([user + 1, user]));
    await writeFile(join(directory, 'lease'), '');
    // Directories of root; the lease alone is ours.
    vi.spyOn(process, 'geteuid').mockReturnValue(user + 2);
    expect(await ownersOf(directory, '/')).toContain(user);
  });
});

describe('what a hostile directory can cost', () => {
  it('is so many bytes of a small file, however large it is', async () => {
    const path = join(await makeRoot(), 'lease');
    await writeFile(path, 'x');
    await truncate(path, 5 * 1024 ** 3);
    expect(await readText(path, 32, undefined)).toHaveLength(32);
  });

  it('is 20,000 names', async () => {
    const root = await makeRoot();
    // Without a promise for each: it takes a tenth of the time.
    for (let index = 0; index < 20_100; index += 1) writeFileSync(join(root, `${index}`), '');
    expect(await namesIn(root)).toHaveLength(20_000);
  });
});

describe('a new file', () => {
  it('is made once, with its mode', async () => {
    const path = join(await makeRoot(), 'file');
    for (const text of ['one', 'two']) {
      await using file = await openToAppend(path, 0o640, new Set([user]));
      await file.writeFile(text);
    }
    expect(await readText(path, 10, undefined)).toBe('onetwo');
    expect(await modeOf(path)).toBe('640');
  });
});
