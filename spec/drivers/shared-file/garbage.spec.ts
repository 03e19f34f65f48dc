import { mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it, vi } from 'vitest';

import { collectDrafts, collectListeners } from '../../../lib/drivers/shared-file/collect-garbage.js';
import { isOwned } from '../../../lib/drivers/shared-file/owned-directory.js';
import { SharedFileDriver } from '../../../lib/drivers/shared-file/shared-file-driver.js';
import { removersOf } from '../../../lib/drivers/shared-file/trust.js';
import {
  age,
  connectedPair,
  eventually,
  listenOn,
  makeRoot,
  namesIn,
  numbered,
  plantConnection,
  untilEnd,
  withLeases,
} from './workspace.js';

const TWO_HOURS = 7_200;

/** A listener's directory with these files, of which `lease` is as old as it is itself. */
async function plantListener(
  root: string,
  name: string,
  files: readonly string[],
  seconds: number,
): Promise<void> {
  const directory = join(root, name);
  await mkdir(join(directory, 'conns', 'aaaaaaaaaaaa'), { recursive: true });
  for (const file of files) await writeFile(join(directory, file), '');
  if (files.includes('lease')) await age(join(directory, 'lease'), seconds);
  await age(directory, seconds);
}

describe('old listener directories', () => {
  it('go where they have the marker and nobody has touched the lease for an hour', async () => {
    const root = await makeRoot();
    const marker = '.nvf_file_transport';
    await plantListener(root, 'lst_stale', [marker, 'lease'], TWO_HOURS);
    await plantListener(root, 'lst_never', [marker], TWO_HOURS);
    await plantListener(root, 'lst_fresh', [marker, 'lease'], 60);
    await plantListener(root, 'lst_young', [marker], 60);
    await plantListener(root, 'lst_foreign', ['lease'], TWO_HOURS);
    await plantListener(root, 'other', [marker, 'lease'], TWO_HOURS);
    await writeFile(join(root, 'lst_file'), '');
    await collectListeners(root);
    expect(await namesIn(root)).toEqual(['lst_file', 'lst_foreign', 'lst_fresh', 'lst_young', 'other']);
  });

  it('keep what is not in the layout, and with it the directories above', async () => {
    const root = await makeRoot();
    await plantListener(root, 'lst_stale', ['.nvf_file_transport', 'lease'], TWO_HOURS);
    await writeFile(join(root, 'lst_stale', 'conns', 'aaaaaaaaaaaa', 'precious'), '');
    await age(join(root, 'lst_stale'), TWO_HOURS);
    await collectListeners(root);
    expect(await namesIn(root)).toEqual(['lst_stale']);
    expect(await namesIn(join(root, 'lst_stale', 'conns', 'aaaaaaaaaaaa'))).toEqual(['precious']);
  });

  it('keep all that links lead to', async () => {
    const root = await makeRoot();
    const elsewhere = await makeRoot();
    await plantListener(elsewhere, 'lst_target', ['.nvf_file_transport', 'lease'], TWO_HOURS);
    const connection = join(elsewhere, 'lst_target', 'conns', 'aaaaaaaaaaaa');
    await writeFile(join(connection, 'active.0.log'), '');
    await age(join(elsewhere, 'lst_target'), TWO_HOURS);
    await symlink(join(elsewhere, 'lst_target'), join(root, 'lst_link'));
    await plantListener(root, 'lst_inner', ['.nvf_file_transport', 'lease'], TWO_HOURS);
    await symlink(connection, join(root, 'lst_inner', 'conns', 'bbbbbbbbbbbb'));
    await plantListener(root, 'lst_outer', ['.nvf_file_transport', 'lease'], TWO_HOURS);
    await rm(join(root, 'lst_outer', 'conns'), { recursive: true });
    await symlink(join(elsewhere, 'lst_target', 'conns'), join(root, 'lst_outer', 'conns'));
    for (const name of ['lst_inner', 'lst_outer']) await age(join(root, name), TWO_HOURS);
    await collectListeners(root);
    expect(await namesIn(connection)).toEqual(['active.0.log']);
    expect(await namesIn(root)).toEqual(['lst_inner', 'lst_link', 'lst_outer']);
  });

  it('are those of our user or of the owner of the root', async () => {
    const root = await makeRoot();
    await plantListener(root, 'lst_stale', ['.nvf_file_transport'], TWO_HOURS);
    const user = process.geteuid?.() ?? 0;
    expect(await isOwned(join(root, 'lst_stale'), new Set([user]))).toBe(true);
    expect(await isOwned(join(root, 'lst_stale'), new Set([user + 1]))).toBe(false);
    vi.spyOn(process, 'geteuid').mockReturnValue(user + 1);
    expect(await removersOf(root)).toEqual(new Set([user, user + 1]));
    vi.restoreAllMocks();
  });

  it('go when another is made', async () => {
    const root = await makeRoot();
    await plantListener(root, 'lst_stale', ['.nvf_file_transport', 'lease'], TWO_HOURS);
    await new SharedFileDriver().resolveUrls('shared-file', { root_dir: root });
    await eventually(async () => expect(await readdir(root)).not.toContain('lst_stale'));
    expect(await readdir(root)).toHaveLength(1);
  });

  it('may be missing altogether', async () => {
    await expect(collectListeners(join(await makeRoot(), 'missing'))).resolves.toBeUndefined();
  });
});

describe('old connection directories', () => {
  it('go some time after their connection has ended', async () => {
    const root = await makeRoot();
    const { active, passive, path } = await connectedPair(root, `${withLeases(0.05, 5)}&max_log_size=50`);
    const received = untilEnd(passive);
    active.send(numbered(1));
    active.send(numbered(2));
    await active.close();
    expect(await received).toEqual([1, 2]);
    expect(await readdir(path)).toContain('closed');
    await eventually(async () => expect(await readdir(join(root, 'conns'))).toEqual([]));
  });

  it('go also where another listener left them, but never with what is none of a connection', async () => {
    const root = await makeRoot();
    const nothing = new Uint8Array(0);
    await plantConnection(root, 'a-leftover', { closed: nothing, 'passive.1.sealed': nothing });
    const odd = await plantConnection(root, 'b-odd', { closed: nothing, precious: nothing });
    await listenOn(root, withLeases(0.05, 0.1));
    await eventually(async () => expect(await readdir(join(root, 'conns'))).toEqual(['b-odd']));
    await eventually(async () => expect(await readdir(odd)).toEqual(['precious']));
  });

  it('go where they were never completed within an hour', async () => {
    const root = await makeRoot();
    for (const [name, seconds] of [
      ['.old', TWO_HOURS],
      ['.new', 60],
      ['.odd', TWO_HOURS],
      ['named', TWO_HOURS],
    ] as const) {
      await mkdir(join(root, name));
      await writeFile(join(root, name, name === '.odd' ? 'precious' : 'active.0.log'), '');
      await age(join(root, name), seconds);
    }
    await collectDrafts(root);
    expect(await namesIn(root)).toEqual(['.new', '.odd', 'named']);
    expect(await readdir(join(root, '.odd'))).toEqual(['precious']);
  });
});
