import { watch } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { firstValueFrom, Subscription } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { SharedFileDriver } from '../../../lib/drivers/shared-file/shared-file-driver.js';
import type { Listener } from '../../../lib/drivers/index.js';
import { CommErrorCode } from '../../../lib/index.js';
import { parseUrl } from '../../../lib/transport/url.js';
import { concatBytes } from '../../support/bytes.js';
import {
  acquire,
  connectedPair,
  connectTo,
  eventually,
  FAST,
  makeRoot,
  modeOf,
  namesIn,
  nextOf,
  numbered,
  numbersOf,
  untilEnd,
  urlOf,
} from './workspace.js';

const driver = new SharedFileDriver();

describe('the files on disk', () => {
  let restore: () => void = () => undefined;
  afterEach(() => {
    restore();
    restore = () => undefined;
  });

  it.each([0o077, 0o000])('have their names and modes under umask %i', async (mask) => {
    const umask = process.umask(mask);
    restore = () => process.umask(umask);
    const root = join(await makeRoot(), 'made', 'too');
    const { connectUrl, listenUrl } = await driver.resolveUrls('shared-file', {
      root_dir: root,
      max_log_size: 50,
    });
    expect(connectUrl).toBe(listenUrl);
    const listener = await acquire(driver.listen({ ...parseUrl(listenUrl), poll_interval: 0.001 }));
    const accepted = nextOf(listener);
    const active = await connectTo(connectUrl);
    const passive = await accepted;
    active.send(numbered(1));
    active.send(numbered(2));
    passive.send(numbered(3));

    const [name = ''] = await readdir(root);
    expect(name).toMatch(/^lst_[0-9a-f]{8}$/);
    const directory = join(root, name);
    expect(await namesIn(directory)).toEqual(['.nvf_file_transport', 'conns', 'lease']);
    const [connection = '', ...others] = await readdir(join(directory, 'conns'));
    expect(connection).toMatch(/^[0-9a-f]{12}$/);
    expect(others).toEqual([]);
    const path = join(directory, 'conns', connection);
    await eventually(async () =>
      expect(await namesIn(path)).toEqual([
        'active.0.log',
        'active.0.sealed',
        'active.1.log',
        'active.lease',
        'passive.0.log',
        'passive.lease',
      ]),
    );
    for (const made of [root, directory, join(directory, 'conns'), path])
      expect(await modeOf(made)).toBe('770');
    for (const file of await namesIn(path)) expect(await modeOf(join(path, file)), file).toBe('660');
    for (const file of ['.nvf_file_transport', 'lease'])
      expect(await modeOf(join(directory, file))).toBe('660');

    const closing = active.close();
    await eventually(async () => expect(await modeOf(join(path, 'closed'))).toBe('660'));
    await closing;
  });

  it('have the modes of the settings', async () => {
    const directory = join(await makeRoot(), 'listener');
    const { path } = await connectedPair(directory, `${FAST}&dir_mode=0700&file_mode=600`);
    for (const made of [directory, join(directory, 'conns'), path]) expect(await modeOf(made)).toBe('700');
    for (const file of await namesIn(path)) expect(await modeOf(join(path, file)), file).toBe('600');
  });

  it('leave the mode of a directory that was there', async () => {
    const root = await makeRoot();
    await mkdir(join(root, 'conns'), { mode: 0o755 });
    await connectedPair(root);
    expect(await modeOf(join(root, 'conns'))).toBe('755');
    expect(await modeOf(root)).toBe('700');
  });

  it('have frames back to back, as they were sent', async () => {
    const { active, passive, path } = await connectedPair(await makeRoot());
    const frames = [numbered(1, 0), numbered(2, 7), numbered(3, 100_000)];
    for (const frame of frames) active.send(frame.slice(0, 16), frame.slice(16));
    passive.maxFrameBytes = 200_000;
    await numbersOf(passive, 3);
    const log = await readFile(join(path, 'active.0.log'));
    expect(Buffer.compare(log, concatBytes(frames))).toBe(0);
  });

  it('appear in a directory with a dot, which gets its name when it is complete', async () => {
    const root = await makeRoot();
    await mkdir(join(root, 'conns'));
    await writeFile(join(root, 'lease'), '');
    const seen: string[] = [];
    const watcher = watch(join(root, 'conns'), (_, name) => seen.push(name ?? ''));
    const connecting = driver.connect(parseUrl(urlOf(root))).subscribe();
    let names: string[] = [];
    await eventually(async () => {
      names = (await readdir(join(root, 'conns'))).filter((name) => !name.startsWith('.'));
      expect(names).toHaveLength(1);
      expect(seen).toContain(names[0]);
    });
    const [name = ''] = names;
    expect(seen.indexOf(`.${name}`)).toBe(0);
    expect(seen.indexOf(name)).toBeGreaterThan(0);
    expect(await namesIn(join(root, 'conns', name))).toEqual(
      expect.arrayContaining(['active.0.log', 'passive.0.log']),
    );
    connecting.unsubscribe();
    watcher.close();
    await eventually(async () => expect(await readdir(join(root, 'conns'))).toEqual([]));
  });

  it('are what the addresses name', async () => {
    const { active, passive, path } = await connectedPair(await makeRoot());
    expect(active.properties).toEqual({ local_addr: `${path}#active`, peer_addr: `${path}#passive` });
    expect(passive.properties).toEqual({ local_addr: `${path}#passive`, peer_addr: `${path}#active` });
  });
});

describe('resolveUrls', () => {
  it('hands on the settings of the listener, and nothing else', async () => {
    const root = await makeRoot();
    const { connectUrl } = await driver.resolveUrls('shared-file', {
      root_dir: root,
      lease_interval: 5,
      fsync: true,
      secret: 'x',
    });
    const [name = ''] = await readdir(root);
    expect(connectUrl).toBe(`shared-file://0${root}/${name}?lease_interval=5&fsync=true`);
  });

  it('makes a directory of its own each time, under the root of the driver unless told', async () => {
    const root = await makeRoot();
    const rooted = new SharedFileDriver({ root_dir: root });
    await rooted.resolveUrls('shared-file', {});
    await rooted.resolveUrls('shared-file', {});
    expect(await readdir(root)).toHaveLength(2);
    const other = await makeRoot();
    await rooted.resolveUrls('shared-file', { root_dir: other });
    expect(await readdir(other)).toHaveLength(1);
  });

  it.each([
    ['no root_dir', {}],
    ['an empty one', { root_dir: '' }],
    ['one that is no text', { root_dir: 7 }],
    ['a question mark', { root_dir: '/some/d?ir' }],
    ['a hash', { root_dir: '/some/d#ir' }],
    ['a line break', { root_dir: '/some/d\nir' }],
    ['a setting that cannot be', { root_dir: '/some/dir', lease_timeout: 'soon' }],
    ['a root under a file', { root_dir: '/dev/null/dir' }],
  ])('refuses %s', async (title, resources) => {
    const code = title === 'a root under a file' ? CommErrorCode.ERROR : CommErrorCode.BAD_CONFIG;
    await expect(driver.resolveUrls('shared-file', resources)).rejects.toMatchObject({ code });
  });
});

describe('a listener that ends', () => {
  it('removes the directory that was made for it, once its connections have ended', async () => {
    const root = await makeRoot();
    const { listenUrl } = await driver.resolveUrls('shared-file', {
      root_dir: root,
      max_poll_interval: 2,
    });
    const { listener, release } = await listenUntilReleased(listenUrl);
    const accepted = nextOf(listener);
    const active = await connectTo(listener.url);
    const passive = await accepted;
    release();
    passive.send(numbered(1));
    const received = numbersOf(active, 1);
    // The last frame is read before the directory goes, though the sender closes at once.
    await passive.close();
    expect(await received).toEqual([1]);
    expect(await readdir(root)).toEqual([]);
  });

  it('lets the other side read before it removes its directory', async () => {
    const root = await makeRoot();
    const { listenUrl } = await driver.resolveUrls('shared-file', { root_dir: root, max_poll_interval: 20 });
    const { listener, release } = await listenUntilReleased(listenUrl);
    const accepted = nextOf(listener);
    const active = await connectTo(listener.url);
    const passive = await accepted;
    const received = untilEnd(active);
    active.pause();
    release();
    passive.send(numbered(1));
    const closing = passive.close();
    const path = passive.properties.local_addr.split('#', 1)[0] ?? '';
    await eventually(async () => expect(await namesIn(path)).toContain('closed'));
    active.resume();
    expect(await received).toEqual([1]);
    await closing;
    expect(await readdir(root)).toEqual([]);
  });

  it('leaves a directory that it was given, without its lease', async () => {
    const root = await makeRoot();
    const listening = driver.listen(parseUrl(urlOf(root)));
    await firstValueFrom(listening);
    await eventually(async () => expect(await namesIn(root)).toEqual(['conns']));
    expect(basename(root)).not.toMatch(/^lst_/);
  });
});

/** A listener that can be released in the middle of a test. */
function listenUntilReleased(url: string): Promise<{ listener: Listener; release: () => void }> {
  return new Promise((resolve, reject) => {
    const subscription = new Subscription();
    const release = () => subscription.unsubscribe();
    subscription.add(
      driver.listen(parseUrl(url)).subscribe({
        next: (listener) => resolve({ listener, release }),
        error: reject,
      }),
    );
  });
}
