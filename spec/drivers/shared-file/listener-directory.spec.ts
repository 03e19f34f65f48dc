import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { firstValueFrom, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { removeFile } from '../../../lib/drivers/shared-file/files.js';
import { ListenerDirectory } from '../../../lib/drivers/shared-file/listener-directory.js';
import { CommErrorCode } from '../../../lib/index.js';
import { makeRoot } from './workspace.js';

describe('ListenerDirectory', () => {
  it('is for one listener at a time, and free as soon as that is released', async () => {
    const path = await makeRoot();
    const first = ListenerDirectory.claim(path);
    expect(() => ListenerDirectory.claim(path)).toThrow(
      expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error,
    );
    first.release(true);
    const second = ListenerDirectory.claim(path);
    second.release(true);
    await second.ready();
  });

  it('takes the lease away after a step that is half done', async () => {
    const path = await makeRoot();
    const directory = ListenerDirectory.claim(path);
    const gate = new Subject<void>();
    const open = firstValueFrom(gate);
    const step = directory.run(async () => {
      await open;
      await writeFile(directory.lease, '');
    });
    directory.release(true);
    // A removal that was begun later is done.
    await removeFile(join(path, 'nothing'));
    gate.next();
    await step;
    await directory.ready();
    expect(await readdir(path)).toEqual([]);
  });

  it('goes on after a step that failed, which the caller hears of', async () => {
    const path = await makeRoot();
    const directory = ListenerDirectory.claim(path);
    await writeFile(directory.lease, '');
    await expect(directory.run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    directory.release(true);
    await directory.ready();
    expect(await readdir(path)).toEqual([]);
  });

  it('leaves the lease of another where it never took it', async () => {
    const path = await makeRoot();
    const directory = ListenerDirectory.claim(path);
    await writeFile(directory.lease, '');
    directory.release(false);
    await directory.ready();
    expect(await readdir(path)).toEqual(['lease']);
  });

  it('removes a directory with the marker when its last connection has ended, unless it is claimed again', async () => {
    const root = await makeRoot();
    const path = join(root, 'lst_own');
    await mkdir(path);
    await writeFile(join(path, '.nvf_file_transport'), '');
    const first = ListenerDirectory.claim(path);
    first.enter('connection');
    first.release(true);
    await first.ready();
    const second = ListenerDirectory.claim(path);
    expect(second.knows('connection')).toBe(true);
    await second.leave('connection');
    expect(await readdir(root)).toEqual(['lst_own']);
    second.release(true);
    await second.ready();
    expect(await readdir(root)).toEqual([]);
    const third = ListenerDirectory.claim(path);
    expect(third.knows('connection')).toBe(false);
    third.release(false);
    await third.ready();
  });
});
