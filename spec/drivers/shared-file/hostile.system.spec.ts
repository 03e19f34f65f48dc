import { spawnSync } from 'node:child_process';
import { link, mkdir, readdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { firstValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { FileConnection } from '../../../lib/drivers/shared-file/file-connection.js';
import { SharedFileDriver } from '../../../lib/drivers/shared-file/shared-file-driver.js';
import { DEFAULT_TUNING } from '../../../lib/drivers/shared-file/tuning.js';
import { CommErrorCode, type Connection } from '../../../lib/index.js';
import { parseUrl } from '../../../lib/transport/url.js';
import {
  connectedPair,
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
const LINK = 'is a symbolic link';
const HARD = 'is a hard link';
const ODD = 'is no regular file';

/** Puts something that is no file of a connection in the place of one. */
type Plant = (path: string, victim: string) => Promise<unknown>;

const asLink: Plant = (path, victim) => symlink(victim, path);
const asHardLink: Plant = (path, victim) => link(victim, path);
const asNowhere: Plant = (path) => symlink(join(path, '..', '..', '..', 'made'), path);
const asDirectory: Plant = (path) => mkdir(path);
const asFifo: Plant = (path) => {
  makeFifo(path);
  return Promise.resolve();
};

function makeFifo(path: string): void {
  expect(spawnSync('mkfifo', [path]).status).toBe(0);
}

/** Replaces a file; in one step, where it is not by a directory. */
async function replaceBy(plant: Plant, path: string, victim: string): Promise<void> {
  await plant(`${path}.planted`, victim);
  if (plant === asDirectory) await rm(path);
  await rename(`${path}.planted`, path);
}

/** A file that nobody may write to, beside the directory of a listener. */
async function withVictim(): Promise<{ root: string; victim: string; spared: () => Promise<void> }> {
  const parent = await makeRoot();
  const root = join(parent, 'listener');
  const victim = join(parent, 'victim');
  await mkdir(root);
  await writeFile(victim, 'precious');
  const spared = async (): Promise<void> => {
    expect(await readFile(victim, 'utf8')).toBe('precious');
    expect((await readdir(parent)).sort()).toEqual(['listener', 'victim']);
  };
  return { root, victim, spared };
}

function refusalOf(connection: Connection): Promise<unknown> {
  return firstValueFrom(connection.closed$).then(
    () => undefined,
    (error: unknown) => error,
  );
}

const refusal = (message: string) => ({
  code: CommErrorCode.BAD_DATA,
  message: expect.stringContaining(message) as unknown,
});

describe('a file of a connection that is none', () => {
  it.each([
    ['a symbolic link', asLink, LINK],
    ['a link to nowhere', asNowhere, LINK],
    ['a hard link', asHardLink, HARD],
    ['a FIFO', asFifo, ODD],
    ['a directory', asDirectory, ODD],
  ])('is not written to where the log is %s, and ends its own connection', async (_, plant, message) => {
    const { root, victim, spared } = await withVictim();
    const listener = await listenOn(root);
    const other = nextOf(listener);
    const active = await connectTo(listener.url);
    const otherPassive = await other;
    const accepted = nextOf(listener);
    const path = await plantConnection(root, 'aaaaaaaaaaaa');
    await replaceBy(plant, join(path, 'passive.0.log'), victim);
    const passive = await accepted;
    const failure = refusalOf(passive);
    passive.send(numbered(1));
    expect(await failure).toMatchObject(refusal(`passive.0.log ${message}`));
    await spared();
    const received = numbersOf(otherPassive, 1);
    active.send(numbered(2));
    expect(await received).toEqual([2]);
  });

  it.each([
    ['a symbolic link', asLink, LINK],
    ['a hard link', asHardLink, HARD],
    ['a FIFO', asFifo, ODD],
  ])('is not read where the log is %s', async (_, plant, message) => {
    const { root, victim, spared } = await withVictim();
    const accepted = nextOf(await listenOn(root));
    const path = await plantConnection(root, 'aaaaaaaaaaaa');
    await replaceBy(plant, join(path, 'active.0.log'), victim);
    const passive = await accepted;
    await expect(untilEnd(passive)).rejects.toMatchObject(refusal(`active.0.log ${message}`));
    await spared();
  });

  it.each([
    ['a symbolic link', asLink, LINK],
    ['a hard link', asHardLink, HARD],
    ['a FIFO', asFifo, ODD],
  ])('shows no life where the lease is %s', async (_, plant, message) => {
    const { root, victim, spared } = await withVictim();
    const accepted = nextOf(await listenOn(root, withLeases(0.02, 60)));
    const path = await plantConnection(root, 'aaaaaaaaaaaa');
    await plant(join(path, 'active.lease'), victim);
    const passive = await accepted;
    await expect(untilEnd(passive)).rejects.toMatchObject(refusal(`active.lease ${message}`));
    await spared();
  });

  it.each([
    ['a symbolic link', asLink, LINK],
    ['a FIFO', asFifo, ODD],
  ])('is no seal where it is %s', async (_, plant, message) => {
    const { root, victim, spared } = await withVictim();
    const accepted = nextOf(await listenOn(root, `${FAST}&max_log_size=30`));
    const path = await plantConnection(root, 'aaaaaaaaaaaa');
    await plant(join(path, 'active.0.sealed'), victim);
    await writeFile(join(path, 'active.0.log'), numbered(1));
    await expect(untilEnd(await accepted)).rejects.toMatchObject(refusal(`active.0.sealed ${message}`));
    await spared();
  });

  it('is not written to where the draft of a seal is a link', async () => {
    const { root, victim, spared } = await withVictim();
    const { active, passive, path } = await connectedPair(root, `${FAST}&max_log_size=30`);
    await symlink(victim, join(path, 'passive.0.sealed.tmp'));
    const received = numbersOf(active, 2);
    passive.send(numbered(1));
    passive.send(numbered(2));
    expect(await received).toEqual([1, 2]);
    await spared();
  });

  it('belongs to a stranger', async () => {
    const root = await makeRoot();
    await mkdir(join(root, 'conns'));
    const directory = await plantConnection(root, 'aaaaaaaaaaaa');
    const stranger = new Set([(process.geteuid?.() ?? 0) + 1]);
    const connection = new FileConnection({
      directory,
      side: 'passive',
      owners: stranger,
      tuning: DEFAULT_TUNING,
      watches: false,
      lingerMs: 0,
    });
    const failure = refusalOf(connection);
    connection.send(numbered(1));
    expect(await failure).toMatchObject(refusal('belongs to the user'));
    await connection.close();
    expect(await readFile(join(directory, 'passive.0.log'))).toHaveLength(0);
  });
});

describe('FIFOs in a directory', () => {
  it('stop no other work with files, however many there are', async () => {
    const root = await makeRoot();
    const listener = await listenOn(root);
    // The system threads of Node.js for files are four.
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
      const accepted = nextOf(listener);
      const path = await plantConnection(root, name);
      await replaceBy(asFifo, join(path, 'passive.0.log'), '');
      const passive = await accepted;
      const failure = refusalOf(passive);
      passive.send(numbered(1));
      expect(await failure).toMatchObject(refusal(ODD));
      await passive.close();
    }
    await writeFile(join(root, 'work'), 'goes on');
    expect(await readFile(join(root, 'work'), 'utf8')).toBe('goes on');
  });
});

describe('a log that its writer changes', () => {
  async function begun() {
    const root = await makeRoot();
    const accepted = nextOf(await listenOn(root));
    const path = await plantConnection(root, 'aaaaaaaaaaaa', { 'active.0.log': numbered(1) });
    const passive = await accepted;
    const all = untilEnd(passive);
    const outcome = all.then(
      () => undefined,
      (error: unknown) => error,
    );
    await numbersOf(passive, 1);
    return { outcome, log: join(path, 'active.0.log') };
  }

  it('ends the connection where it has become shorter', async () => {
    const { outcome, log } = await begun();
    await truncate(log, 4);
    expect(await outcome).toMatchObject(refusal('is shorter'));
  });

  it('ends the connection where it was replaced', async () => {
    const { outcome, log } = await begun();
    await writeFile(`${log}.new`, Buffer.concat([numbered(1), numbered(2)]));
    await rename(`${log}.new`, log);
    expect(await outcome).toMatchObject(refusal('was replaced'));
  });
});

describe('a directory that is a link', () => {
  it('is no connection, and nothing in it is touched', async () => {
    const { root, spared } = await withVictim();
    const elsewhere = await makeRoot();
    await mkdir(join(elsewhere, 'conns'));
    const target = await plantConnection(elsewhere, 'target', { 'active.0.log': numbered(1) });
    await mkdir(join(root, 'conns'));
    await symlink(target, join(root, 'conns', 'aaaaaaaaaaaa'));
    const accepted = nextOf(await listenOn(root));
    await plantConnection(root, 'z-fresh');
    expect((await accepted).properties.local_addr).toContain('z-fresh');
    expect(await namesIn(target)).toEqual(['active.0.log', 'passive.0.log']);
    await spared();
  });

  it.each(['listen', 'connect'] as const)('is no place for connections: %s', async (call) => {
    const root = await makeRoot();
    const elsewhere = await makeRoot();
    await writeFile(join(root, 'lease'), '');
    await symlink(elsewhere, join(root, 'conns'));
    await expect(
      firstValueFrom<unknown>(driver[call](parseUrl(urlOf(root, withLeases(0.05, 0.3))))),
    ).rejects.toMatchObject(refusal('conns is no directory'));
    expect(await readdir(elsewhere)).toEqual([]);
  });

  it('may be the one that the user names', async () => {
    const root = await makeRoot();
    const named = join(await makeRoot(), 'link');
    await symlink(root, named);
    const listener = await listenOn(named);
    const accepted = nextOf(listener);
    const active = await connectTo(listener.url);
    const received = numbersOf(await accepted, 1);
    active.send(numbered(1));
    expect(await received).toEqual([1]);
  });
});

describe('the lease of a listener that is none', () => {
  it.each([
    ['a symbolic link', asLink, LINK],
    ['a hard link', asHardLink, HARD],
    ['a FIFO', asFifo, ODD],
    ['a directory', asDirectory, ODD],
  ])('is refused where it is %s', async (_, plant, message) => {
    const { root, victim, spared } = await withVictim();
    await plant(join(root, 'lease'), victim);
    await expect(firstValueFrom(driver.listen(parseUrl(urlOf(root))))).rejects.toMatchObject(
      refusal(`lease ${message}`),
    );
    await spared();
  });

  it('is not written to where it becomes a link', async () => {
    const { root, victim, spared } = await withVictim();
    const failure = new Promise((resolve) => {
      driver.listen(parseUrl(urlOf(root, withLeases(0.01, 60)))).subscribe({
        next: () => void replaceBy(asLink, join(root, 'lease'), victim),
        error: resolve,
      });
    });
    expect(await failure).toMatchObject(refusal(`lease ${LINK}`));
    await spared();
  });

  it('is read as far as a lease goes', async () => {
    const root = await makeRoot();
    await writeFile(join(root, 'lease'), '');
    // More than can be read into memory at once.
    await truncate(join(root, 'lease'), 5 * 1024 ** 3);
    await listenOn(root, withLeases(0.02, 60));
    expect(await readFile(join(root, 'lease'), 'utf8')).toContain(`"pid":${process.pid}`);
  });
});

describe('what is no connection', () => {
  it('is looked at once, as long as it is there', async () => {
    const root = await makeRoot();
    const listener = await listenOn(root);
    const odd = join(root, 'conns', 'a-odd');
    const adopted: string[] = [];
    listener.connections$.subscribe(({ properties }) => adopted.push(properties.local_addr));
    const untilAdopted = (name: string) =>
      eventually(async () => {
        await Promise.resolve();
        expect(adopted.join()).toContain(name);
      });
    await mkdir(odd);
    await plantConnection(root, 'z-first');
    await untilAdopted('z-first');
    await writeFile(join(odd, 'active.0.log'), '');
    await plantConnection(root, 'z-second');
    await untilAdopted('z-second');
    expect(adopted.join()).not.toContain('a-odd');
    await rm(odd, { recursive: true });
    await plantConnection(root, 'z-third');
    await untilAdopted('z-third');
    await plantConnection(root, 'a-odd');
    await untilAdopted('a-odd');
  });
});
