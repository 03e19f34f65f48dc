import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { defer, firstValueFrom, map, NEVER, type Observable, VirtualTimeScheduler } from 'rxjs';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';

import { ResultLinks, type ResultLinksParts } from '../../lib/cli/flare-result-links.js';
import { CommError, CommErrorCode } from '../../lib/comm-error.js';
import type { ResultProgress } from '../../lib/flare/dashboard/index.js';
import type { DownloadProgress, FlareSession } from '../../lib/flare/index.js';
import { inSteps } from '../../lib/flare/in-steps.js';

let temporary = '';

beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'rxflare-links-'));
  vi.stubEnv('TMPDIR', temporary);
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await rm(temporary, { recursive: true, force: true });
  });
});

type Session = Pick<FlareSession, 'fetchJobResult'>;

/** A session that has each result at once. */
const ready: Session = {
  fetchJobResult: (jobId, folder, settled) =>
    inSteps<DownloadProgress>(async (steps) => {
      steps.emit({ type: 'receiving', file: 'w', receivedBytes: 7 });
      await mkdir(join(folder, jobId));
      await writeFile(join(folder, jobId, 'w'), 'weights');
      steps.emit({ type: 'downloaded', folder: join(folder, jobId) });
    }, settled),
};

async function served(session: Session, parts?: Partial<ResultLinksParts>) {
  const links = new ResultLinks(session, parts);
  const server = createServer(
    (request, response) => void links.answer((request.url ?? '').replace('/results/', ''), response),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const get = async ({ path }: Link, method = 'GET') => (await fetch(new URL(path, base), { method })).status;
  return { links, get };
}

type Link = Extract<ResultProgress, { type: 'ready' }>;

/** Opens a result, and waits for its link; what comes after that is in `end`. */
async function opened(links: ResultLinks) {
  const all: ResultProgress[] = [];
  let end: Promise<unknown> = NEVER_ENDS;
  const link = await new Promise<Link>((resolve, reject) => {
    const source$ = links.open('a b').pipe(
      map((progress) => {
        all.push(progress);
        if (progress.type === 'ready') resolve(progress);
      }),
    );
    end = source$.forEach(() => undefined);
    end.catch(reject);
  });
  return { link, all, end };
}
const NEVER_ENDS = new Promise<unknown>(() => undefined);

describe('the link of a result', () => {
  it('is good once, and the result goes when it was read', async () => {
    const { links, get } = await served(ready);
    const { link, all, end } = await opened(links);
    expect(all[0]).toEqual({ type: 'receiving', receivedBytes: 7 });
    expect(link.fileName).toBe('a_b.zip');
    expect([await get(link, 'HEAD'), await get(link, 'POST')]).toEqual([405, 405]);
    expect(await get(link)).toBe(200);
    await end;
    expect(await get(link)).toBe(404);
    await links.settled();
    expect(await readdir(temporary)).toEqual([]);
  });

  it('is good for a while from when the result is there, however long it took', async () => {
    const scheduler = new VirtualTimeScheduler();
    const minutes = (count: number) => {
      scheduler.frame += count * 60_000;
    };
    const slow: Session = {
      fetchJobResult: (...args) =>
        defer(() => {
          minutes(60);
          return ready.fetchJobResult(...args);
        }),
    };
    const { links, get } = await served(slow, { scheduler });
    const { link, end } = await opened(links);
    minutes(4);
    expect(await get(link)).toBe(200);
    await end;
  });

  it('expires with the result, and says so', async () => {
    const scheduler = new VirtualTimeScheduler();
    const { links, get } = await served(ready, { scheduler });
    const { link, end } = await opened(links);
    const failed = expect(end).rejects.toMatchObject({ code: CommErrorCode.TIMEOUT });
    scheduler.flush();
    await failed;
    expect(await get(link)).toBe(404);
    await links.settled();
    expect(await readdir(temporary)).toEqual([]);
  });

  it('is not there for a page that leaves, and what is still written goes too', async () => {
    let isWriting = (): void => undefined;
    const writing = new Promise<void>((resolve) => (isWriting = resolve));
    let goOn = (): void => undefined;
    const going = new Promise<void>((resolve) => (goOn = resolve));
    const unpacking: Session = {
      fetchJobResult: (jobId, folder, settled) =>
        inSteps(async () => {
          isWriting();
          await going;
          await mkdir(join(folder, jobId), { recursive: true });
          await writeFile(join(folder, jobId, 'w'), 'weights');
        }, settled),
    };
    const { links } = await served(unpacking);
    const page = links.open('j').subscribe();
    await writing;
    page.unsubscribe();
    // Longer than a removal takes.
    for (let reads = 0; reads < 100; reads += 1) expect(await readdir(temporary)).toHaveLength(1);
    goOn();
    await links.settled();
    expect(await readdir(temporary)).toEqual([]);
  });

  it('leaves room for others when its folder cannot be made', async () => {
    vi.stubEnv('TMPDIR', join(temporary, 'none'));
    const { links } = await served(ready);
    for (let times = 0; times < 6; times += 1) {
      await expect(firstValueFrom(links.open('j'))).rejects.toMatchObject({ code: CommErrorCode.ERROR });
      await links.settled();
    }
  });

  it('is refused beyond four at a time', async () => {
    const { links } = await served({ fetchJobResult: () => NEVER });
    const pages = [1, 2, 3, 4].map(() => links.open('j').subscribe());
    await expect(firstValueFrom(links.open('j'))).rejects.toMatchObject({ code: CommErrorCode.NOT_READY });
    for (const page of pages) page.unsubscribe();
    await links.settled();
  });

  it('is not fetched for without what makes the zip', async () => {
    const noZip = new CommError(CommErrorCode.NOT_SUPPORTED, 'no yazl');
    const fetchJobResult = vi.fn((): Observable<never> => NEVER);
    const { links } = await served({ fetchJobResult }, { loadZip: () => Promise.reject(noZip) });
    await expect(firstValueFrom(links.open('j'))).rejects.toBe(noZip);
    expect(fetchJobResult).not.toHaveBeenCalled();
    expect(await readdir(temporary)).toEqual([]);
  });
});
