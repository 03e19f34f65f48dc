import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { concatMap, firstValueFrom, interval, map, toArray, take } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { SharedFileDriver } from '../../../lib/drivers/shared-file/shared-file-driver.js';
import { CommErrorCode, Communicator, Endpoint, Mode } from '../../../lib/index.js';
import { DriverRegistry } from '../../../lib/transport/driver-registry.js';
import { parseUrl } from '../../../lib/transport/url.js';
import { untilState } from '../../support/communicators.js';
import {
  acquire,
  age,
  connectTo,
  eventually,
  FAST,
  listenOn,
  makeRoot,
  namesIn,
  nextOf,
  numbered,
  numbersOf,
  plantConnection,
  untilEnd,
  urlOf,
  withLeases,
} from './workspace.js';

const driver = new SharedFileDriver();

describe('a listener', () => {
  it('adopts what waits for it, and marks leftovers as closed', async () => {
    const root = await makeRoot();
    const nothing = new Uint8Array(0);
    const closed = await plantConnection(root, 'a-closed', { closed: nothing });
    const used = await plantConnection(root, 'b-used', { 'passive.lease': nothing });
    const consumed = await plantConnection(root, 'c-consumed', { 'active.1.log': numbered(1) });
    await rm(join(consumed, 'active.0.log'));
    await plantConnection(root, 'z-fresh', { 'active.0.log': numbered(7) });

    const passive = await nextOf(await listenOn(root));
    // They are looked at by name, so this one is the last.
    expect(passive.properties.local_addr).toBe(`${join(root, 'conns', 'z-fresh')}#passive`);
    expect(await numbersOf(passive, 1)).toEqual([7]);
    for (const leftover of [closed, used, consumed]) expect(await namesIn(leftover)).toContain('closed');
    for (const leftover of [closed, consumed]) expect(await namesIn(leftover)).not.toContain('passive.lease');
  });

  it('leaves alone what is no connection', async () => {
    const root = await makeRoot();
    const conns = join(root, 'conns');
    await mkdir(join(conns, 'a-directory'), { recursive: true });
    await writeFile(join(conns, 'a-directory', 'precious'), 'data');
    await writeFile(join(conns, 'a-file'), 'data');
    await plantConnection(root, 'b-half');
    await mkdir(join(conns, '.c-draft'));
    await writeFile(join(conns, '.c-draft', 'active.0.log'), numbered(1));
    const listener = await listenOn(root);
    await nextOf(listener);
    const next = nextOf(listener);
    await plantConnection(root, 'z-fresh');
    await next;
    expect(await namesIn(join(conns, 'a-directory'))).toEqual(['precious']);
    expect(await readFile(join(conns, 'a-file'), 'utf8')).toBe('data');
    expect(await namesIn(join(conns, '.c-draft'))).toEqual(['active.0.log']);
  });

  it('ends with an error when its directory is taken away', async () => {
    const root = await makeRoot();
    const failure = new Promise((resolve) => {
      driver.listen(parseUrl(urlOf(join(root, 'listener')))).subscribe({
        next: () => void rename(join(root, 'listener'), join(root, 'taken-away')),
        error: resolve,
      });
    });
    expect(await failure).toMatchObject({ code: CommErrorCode.CLOSED });
  });

  it('adopts nothing of a listener before it in this process whose connections go on', async () => {
    const root = await makeRoot();
    const first = driver.listen(parseUrl(urlOf(root)));
    let release: () => void = () => undefined;
    const accepted = new Promise<ReturnType<typeof nextOf>>((resolve) => {
      const subscription = first.subscribe((listener) => resolve(Promise.resolve(nextOf(listener))));
      release = () => subscription.unsubscribe();
    });
    await eventually(async () => expect(await namesIn(root)).toContain('lease'));
    const active = await connectTo(urlOf(root));
    const passive = await accepted;
    release();
    const second = await listenOn(root);
    const next = nextOf(second);
    await connectTo(second.url);
    await next;
    const received = numbersOf(passive, 1);
    active.send(numbered(5));
    expect(await received).toEqual([5]);
  });
});

describe('the lease of a listener', () => {
  const refusal = { code: CommErrorCode.BAD_CONFIG };

  it('is for one listener of a process, by whatever path', async () => {
    const root = await makeRoot();
    await listenOn(root);
    await expect(
      firstValueFrom(driver.listen(parseUrl(urlOf(`${root}/../${root.split('/').at(-1) ?? ''}`)))),
    ).rejects.toMatchObject(refusal);
  });

  it('refuses a second listener while another process keeps it', async () => {
    const root = await makeRoot();
    const lease = join(root, 'lease');
    await writeFile(lease, '');
    const touching = interval(5)
      .pipe(concatMap((count) => age(lease, count)))
      .subscribe();
    await expect(
      firstValueFrom(driver.listen(parseUrl(urlOf(root, withLeases(1, 60))))),
    ).rejects.toMatchObject(refusal);
    touching.unsubscribe();
  });

  it('ends a listener that lost it to one that came at the same moment', async () => {
    const root = await makeRoot();
    const failure = new Promise((resolve) => {
      driver.listen(parseUrl(urlOf(root, withLeases(0.01, 60)))).subscribe({
        next: () => void writeFile(join(root, 'lease'), '{"realm":"elsewhere","pid":7}'),
        error: resolve,
      });
    });
    expect(await failure).toMatchObject(refusal);
  });

  it('is made again where it got lost', async () => {
    const root = await makeRoot();
    await listenOn(root, withLeases(0.01, 60));
    await rm(join(root, 'lease'));
    await eventually(async () => expect(await namesIn(root)).toContain('lease'));
  });

  it('is taken over when nobody has touched it for a while', async () => {
    const root = await makeRoot();
    await writeFile(join(root, 'lease'), '');
    const query = withLeases(0.05, 60);
    expect((await listenOn(root, query)).url).toBe(urlOf(root, query));
  });

  it('is taken over at once where its process has ended', async () => {
    const root = await makeRoot();
    const lease = join(root, 'lease');
    await listenOn(root);
    const other = await makeRoot();
    const ended = spawnSync(process.execPath, ['--version']).pid;
    const text = await readFile(lease, 'utf8');
    await writeFile(join(other, 'lease'), text.replace(String(process.pid), String(ended)));
    // To watch the lease would take days.
    await listenOn(other, 'lease_interval=100000&lease_timeout=1000000');
    expect(await readFile(join(other, 'lease'), 'utf8')).toBe(text);
  });
});

describe('connect', () => {
  const notReady = { code: CommErrorCode.NOT_READY };

  it.each([
    ['no directory', []],
    ['no conns', ['other']],
    ['no lease', ['conns']],
  ])('is NOT_READY where there is %s', async (title, directories) => {
    const root = await makeRoot();
    for (const name of directories) await mkdir(join(root, name));
    const path = title === 'no directory' ? join(root, 'missing') : root;
    await expect(firstValueFrom(driver.connect(parseUrl(urlOf(path))))).rejects.toMatchObject(notReady);
    expect(await readdir(root, { recursive: true })).toEqual(directories);
  });

  it('is NOT_READY where nobody adopts it, and leaves nothing', async () => {
    const root = await makeRoot();
    await mkdir(join(root, 'conns'));
    await writeFile(join(root, 'lease'), '');
    await expect(
      firstValueFrom(driver.connect(parseUrl(urlOf(root, withLeases(0.05, 0.3))))),
    ).rejects.toMatchObject(notReady);
    await eventually(async () => expect(await readdir(join(root, 'conns'))).toEqual([]));
  });

  it('is NOT_READY as soon as the listener it waits for has ended', async () => {
    const root = await makeRoot();
    await mkdir(join(root, 'conns'));
    await writeFile(join(root, 'lease'), '');
    const failure = firstValueFrom(
      driver.connect(parseUrl(urlOf(root, 'max_poll_interval=0.01&lease_timeout=100000'))),
    );
    const outcome = expect(failure).rejects.toMatchObject(notReady);
    await eventually(async () => expect(await readdir(join(root, 'conns'))).not.toEqual([]));
    await rm(join(root, 'lease'));
    await outcome;
    await eventually(async () => expect(await readdir(join(root, 'conns'))).toEqual([]));
  });
});

describe('one listener', () => {
  it('serves two sites', async () => {
    const listener = await listenOn(await makeRoot());
    const accepted = firstValueFrom(listener.connections$.pipe(take(2), toArray()));
    const sites = await Promise.all([connectTo(listener.url), connectTo(listener.url)]);
    const passives = await accepted;
    for (const [index, site] of sites.entries()) {
      const passive = passives.find(({ properties }) => properties.peer_addr === site.properties.local_addr);
      if (passive === undefined) throw new Error('a connection has no other side');
      const there = numbersOf(passive, 1);
      const back = untilEnd(site);
      site.send(numbered(index));
      passive.send(numbered(10 + index));
      expect(await there).toEqual([index]);
      await passive.close();
      expect(await back).toEqual([10 + index]);
    }
  });

  it('serves two communicators of NVFlare names', async () => {
    const make = (name: string) =>
      new Communicator(
        new Endpoint(name),
        { reconnectDelayMs: 50 },
        new DriverRegistry([new SharedFileDriver()]),
      );
    const hub = make('hub');
    const sites = [make('site-1'), make('site-2')];
    await hub.start();
    const root = await makeRoot();
    const { connectUrl } = await hub.startListener('shared-file', {
      root_dir: root,
      ...Object.fromEntries(new URLSearchParams(FAST)),
    });
    for (const site of sites) {
      site.addConnector(connectUrl, Mode.ACTIVE);
      await site.start();
      await untilState(site, 'hub');
      const arrived = firstValueFrom(hub.messages(7).pipe(map(({ endpoint }) => endpoint.name)));
      site.send('hub', 7, { payload: numbered(1) });
      expect(await arrived).toBe(site.localEndpoint.name);
    }
    expect([...(await firstValueFrom(hub.endpoints$)).keys()]).toEqual(['site-1', 'site-2']);
    await Promise.all(sites.map((site) => site.stop()));
    await hub.stop();
    await eventually(async () => expect(await readdir(root)).toEqual([]));
  });

  it('is left alone by one that has another URL', async () => {
    const root = await makeRoot();
    await listenOn(join(root, 'one'));
    await listenOn(join(root, 'two'));
    expect(await acquire(driver.connect(parseUrl(urlOf(join(root, 'two')))))).toBeDefined();
    expect(await readdir(join(root, 'one', 'conns'))).toEqual([]);
  });
});
