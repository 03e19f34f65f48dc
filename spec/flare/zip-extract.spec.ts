import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import { FlareStatus } from '../../lib/flare/flare-error.js';
import { EXTRACT_DEFAULTS, type ExtractLimits, extractZip, roomFor } from '../../lib/flare/zip-extract.js';
import { type RawEntry, rawZip } from './zip-files.js';

const text = (words: string): Uint8Array => new TextEncoder().encode(words);

/** Unpacks a zip file in a folder of its own. */
async function extract(bytes: Uint8Array, limits: ExtractLimits = {}): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'rxflare-extract-'));
  onTestFinished(() => rm(parent, { recursive: true }));
  await writeFile(join(parent, 'a.zip'), bytes);
  const room = roomFor(bytes.length, { ...EXTRACT_DEFAULTS, ...limits });
  await extractZip(join(parent, 'a.zip'), join(parent, 'out'), room, new AbortController().signal);
  return join(parent, 'out');
}

const MIB = 1024 * 1024;

describe('extractZip', () => {
  it('unpacks files and folders, with any bytes', async () => {
    const folder = await extract(
      rawZip([
        { name: 'a/', mode: 0o040_755 },
        { name: 'a/b/c.txt', content: text('hello') },
        { name: 'empty' },
        { name: 'zeros.bin', content: new Uint8Array(3 * MIB) },
      ]),
    );
    expect(await readFile(join(folder, 'a/b/c.txt'), 'utf8')).toBe('hello');
    expect((await readFile(join(folder, 'zeros.bin'))).length).toBe(3 * MIB);
    expect((await readdir(folder)).sort()).toEqual(['a', 'empty', 'zeros.bin']);
  });

  const zeros = { name: 'zeros', content: new Uint8Array(2 * MIB) };
  it.each<[string, readonly RawEntry[], RegExp, ExtractLimits?]>([
    ['climbs out', [{ name: '../up.txt' }], /relative path/],
    ['climbs out on the way', [{ name: 'a/../../up.txt' }], /relative path/],
    ['has an absolute name', [{ name: '/tmp/up.txt' }], /absolute path/],
    ['has a name of Windows', [{ name: 'C:up.txt' }], /absolute path/],
    ['has a backslash', [{ name: '..\\up.txt' }], /is no path in a folder|invalid characters/],
    ['has an empty word', [{ name: 'a//b' }], /is no path in a folder/],
    ['has a link', [{ name: 'link', content: text('/etc/passwd'), mode: 0o120_777 }], /a link or a device/],
    ['has a pipe', [{ name: 'pipe', mode: 0o010_644 }], /a link or a device/],
    ['has one file twice', [{ name: 'a' }, { name: 'a' }], /EEXIST/],
    ['has a file in place of a folder', [{ name: 'a' }, { name: 'a/b' }], /EEXIST|ENOTDIR/],
    ['is encrypted', [{ name: 'a', content: text('a'), claims: { flags: 1 } }], /encrypt/],
    ['has another checksum', [{ name: 'a', content: text('a'), claims: { crc: 1 } }], /another checksum/],
    ['has more than it says', [{ ...zeros, claims: { size: 5 } }], /too many bytes/],
    ['has less than it says', [{ name: 'a', content: text('a'), claims: { size: 9 } }], /not enough bytes/],
    ['has too many entries', [{ name: 'a' }, { name: 'b' }], /2 entries, and 1/, { maxEntries: 1 }],
    ['becomes too large', [zeros], /more than 1048576 bytes/, { maxBytes: MIB }],
    ['becomes too large together', [zeros, { ...zeros, name: 'b' }], /more than/, { maxBytes: 3 * MIB }],
  ])('refuses one that %s', async (_, entries, message, limits) => {
    await expect(extract(rawZip(entries), limits)).rejects.toMatchObject({
      status: FlareStatus.BAD_ARCHIVE,
      message: expect.stringMatching(message) as unknown,
    });
  });

  it('refuses a bomb by its ratio, before it writes it', async () => {
    const bomb = rawZip([{ name: 'bomb', content: new Uint8Array(1), claims: { size: 65 * MIB } }]);
    await expect(extract(bomb)).rejects.toMatchObject({
      status: FlareStatus.BAD_ARCHIVE,
      message: expect.stringMatching(/200 times the \d+ packed bytes/) as unknown,
    });
  });

  it.each([
    ['nothing', new Uint8Array()],
    ['no zip file', text('no zip file at all, but long enough to be one')],
    ['the half of one', rawZip([{ name: 'a', content: text('hello') }]).subarray(0, 40)],
  ])('refuses %s', async (_, bytes) => {
    await expect(extract(bytes)).rejects.toMatchObject({ status: FlareStatus.BAD_ARCHIVE });
  });
});
