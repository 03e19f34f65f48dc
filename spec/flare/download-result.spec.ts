import { existsSync, readdirSync, watch } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { BehaviorSubject, concat, lastValueFrom, map, NEVER, Subject, take, tap, toArray } from 'rxjs';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';

import { type DownloadOptions, downloadResult } from '../../lib/flare/download-result.js';
import { FlareStatus } from '../../lib/flare/flare-error.js';
import type { TransferSession } from '../../lib/flare/job-transfer.js';
import type { SessionState } from '../../lib/flare/session-core.js';
import { seededRandom } from '../support/random.js';
import { stopAll } from '../support/communicators.js';
import type { FakeTransfers, Fault } from '../support/fake-transfers.js';
import { transferSession } from '../support/transfer-session.js';
import { rawZip } from './zip-files.js';

const random = seededRandom(7);
const noise = Uint8Array.from({ length: 3_000 }, () => random() * 256);
const FILES = {
  'workspace.zip': rawZip([{ name: 'models/server.npy', content: noise }, { name: 'log.txt' }]),
  'meta.json': new TextEncoder().encode('{"job_id": "7"}'),
};

async function destination(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rxflare-results-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

interface Made {
  readonly session: TransferSession;
  readonly transfers: FakeTransfers;
  /** The commands that came. */
  readonly lines: readonly string[];
}

async function serverWith(
  files: Record<string, Uint8Array> = FILES,
  faults: readonly Fault[] = [],
): Promise<Made> {
  const { server, session } = await transferSession();
  const { transfers, lines } = server;
  Object.assign(transfers, { files, faults });
  return { session, transfers, lines };
}

function download({ session }: Made, to: string, options?: DownloadOptions) {
  const wanted = { command: 'download_job', jobId: '7', destination: to } as const;
  return downloadResult(session, wanted, options);
}

afterEach(stopAll);

describe('downloadResult', () => {
  it('unpacks what the server has to a folder of the job, and confirms each file', async () => {
    const to = join(await destination(), 'new');
    const server = await serverWith();
    const progress = await lastValueFrom(download(server, to).pipe(toArray()));
    expect(progress.at(-1)).toEqual({ type: 'downloaded', folder: join(to, '7') });
    expect(progress).toContainEqual({ type: 'receiving', file: 'workspace.zip', receivedBytes: 1_000 });
    expect(await readdir(to)).toEqual(['7']);
    expect((await readdir(join(to, '7'))).sort()).toEqual(['meta.json', 'workspace']);
    expect(new Uint8Array(await readFile(join(to, '7/workspace/models/server.npy')))).toEqual(noise);
    await expect
      .poll(() => server.transfers.told)
      .toEqual([
        { ref_id: 'workspace.zip@1', confirm: 'success', confirm_nonce: 'nonce of workspace.zip@1' },
        { ref_id: 'meta.json@1', confirm: 'success', confirm_nonce: 'nonce of meta.json@1' },
      ]);
  });

  it('refuses an offer of no files', async () => {
    const to = await destination();
    await expect(lastValueFrom(download(await serverWith({}), to))).rejects.toMatchObject({
      status: FlareStatus.BAD_REPLY,
    });
  });

  it.each([
    ['an answer that is lost', { request: 2, heard: true }],
    ['a restart of the server', { request: 2, heard: true, restarts: true }],
  ])('goes on after %s', async (_, fault) => {
    const to = await destination();
    const server = await serverWith(FILES, [fault]);
    await lastValueFrom(download(server, to));
    expect(server.lines).toEqual(['download_job 7', 'download_job 7']);
    expect(new Uint8Array(await readFile(join(to, '7/workspace/models/server.npy')))).toEqual(noise);
    const steps = Math.ceil(FILES['workspace.zip'].length / server.transfers.stepBytes);
    expect(server.transfers.requests).toBe(steps + 1 + 2 + 1);
  });

  it('waits for no step of a server that has gone', async () => {
    const to = await destination();
    const { session, lines } = await serverWith();
    const state$ = new BehaviorSubject<SessionState>({ type: 'connected' });
    const { request, fire, pullFile } = session.cell;
    const pulls = vi.fn(pullFile.bind(session.cell)).mockReturnValueOnce(NEVER);
    const cell = { request: request.bind(session.cell), fire: fire.bind(session.cell), pullFile: pulls };
    const wanted = { command: 'download_job', jobId: '7', destination: to } as const;
    const done = lastValueFrom(downloadResult({ ...session, state$, cell }, wanted));
    await expect.poll(() => pulls.mock.calls.length).toBe(1);
    state$.next({ type: 'reconnecting' });
    state$.next({ type: 'connected' });
    expect(await done).toEqual({ type: 'downloaded', folder: join(to, '7') });
    expect(lines).toEqual(['download_job 7', 'download_job 7']);
  });

  it('asks for no file again that is complete', async () => {
    const steps = Math.ceil(FILES['workspace.zip'].length / 1_000) + 1;
    const server = await serverWith(FILES, [{ request: steps + 1, heard: false }]);
    await lastValueFrom(download(server, await destination()));
    expect(server.transfers.requests).toBe(steps + 1 + 2);
  });

  it('goes on where a download that was given up has ended', async () => {
    const to = await destination();
    await lastValueFrom(download(await serverWith(), to).pipe(take(3)));
    await expect.poll(async () => (await readdir(to)).length).toBe(1);
    const second = await serverWith();
    const sizes$ = download(second, to).pipe(
      map((progress) => (progress.type === 'receiving' ? progress.receivedBytes : 0)),
    );
    expect((await lastValueFrom(sizes$.pipe(toArray())))[0]).toBeGreaterThanOrEqual(1_000);
    expect(new Uint8Array(await readFile(join(to, '7/workspace/models/server.npy')))).toEqual(noise);
  });

  it('asks for all again where what was there does not fit', async () => {
    const to = await destination();
    await mkdir(join(to, '.7.partial/parts'), { recursive: true });
    await writeFile(join(to, '.7.partial/parts/workspace.zip'), 'something else');
    await lastValueFrom(download(await serverWith(), to));
    expect(new Uint8Array(await readFile(join(to, '7/workspace/models/server.npy')))).toEqual(noise);
  });

  it('gives up after five attempts in which nothing moved, and keeps what is there', async () => {
    const to = await destination();
    const faults = Array.from({ length: 100 }, (_, index) => ({ request: index + 3, heard: false }));
    const server = await serverWith(FILES, faults);
    await expect(lastValueFrom(download(server, to))).rejects.toMatchObject({
      status: FlareStatus.INTERRUPTED,
      message: expect.stringMatching(/\.7\.partial, and the same call goes on from there/) as unknown,
    });
    expect(server.transfers.requests).toBe(2 + 5);
    expect((await readFile(join(to, '.7.partial/parts/workspace.zip'))).length).toBe(2_000);
  });

  const up = new TextEncoder().encode('up');
  const zeros = rawZip([{ name: 'zeros', content: new Uint8Array(10_000) }, { name: 'empty' }]);
  it.each<[string, Record<string, Uint8Array>, DownloadOptions?]>([
    ['a file that climbs out', { '../up.txt': up }],
    ['a file with an absolute name', { '/tmp/up.txt': up }],
    ['a zip file that climbs out', { 'a.zip': rawZip([{ name: '../../up.txt', content: up }]) }],
    ['no zip file', { 'a.zip': up }],
    ['too much', FILES, { maxBytes: 2_500 }],
    ['too many files', FILES, { maxEntries: 1 }],
    ['a zip file that becomes the folder above', { '...zip': rawZip([{ name: 'a', content: up }]) }],
    ['a file and a zip file of one name', { a: up, 'a.zip': rawZip([{ name: 'b', content: up }]) }],
    ['a file and a folder of one name', { a: up, 'a/b': up }],
    ['a file in what a zip file becomes', { 'x.zip': rawZip([{ name: 'm', content: up }]), 'x/m': up }],
    ['too much in all zip files together', { 'a.zip': zeros, 'b.zip': zeros }, { maxBytes: 15_000 }],
    ['too many entries in all zip files together', { 'a.zip': zeros, 'b.zip': zeros }, { maxEntries: 3 }],
  ])('refuses %s', async (_, files, options) => {
    const to = await destination();
    await expect(lastValueFrom(download(await serverWith(files), to, options))).rejects.toMatchObject({
      status: FlareStatus.BAD_ARCHIVE,
    });
    expect(await readdir(to)).toEqual([]);
    expect(await readdir(join(to, '..'))).not.toContain('up.txt');
  });

  it('pulls nothing again that is merely too large', async () => {
    const to = await destination();
    await mkdir(join(to, '.7.partial'));
    const server = await serverWith();
    await expect(lastValueFrom(download(server, to, { maxBytes: 100 }))).rejects.toMatchObject({
      status: FlareStatus.BAD_ARCHIVE,
    });
    expect(server.lines).toEqual(['download_job 7']);
  });

  it('makes no folder any more once nobody waits for it', async () => {
    const to = await destination();
    const entries = Array.from({ length: 600 }, (_, index) => ({ name: `file-${index}` }));
    const server = await serverWith({ 'many.zip': rawZip(entries) });
    const downloading = download(server, to).subscribe();
    const seen = await new Promise<string[]>((resolve) => {
      const watcher = watch(to, { recursive: true }, () => {
        const made = existsSync(join(to, '.7.partial/result/many')) ? readdirSync(to) : [];
        if (made.length === 0) return;
        watcher.close();
        downloading.unsubscribe();
        resolve(made);
      });
    });
    expect(seen).not.toContain('7');
    await expect.poll(() => readdir(to)).toEqual(['.7.partial']);
    expect((await readdir(join(to, '.7.partial/result/many'))).length).toBeLessThan(600);
  });

  it('counts what has come of all files', async () => {
    const progress = await lastValueFrom(download(await serverWith(), await destination()).pipe(toArray()));
    const sizes = progress.map((each) => (each.type === 'receiving' ? each.receivedBytes : Infinity));
    expect(sizes).toEqual([...sizes].sort((one, other) => one - other));
    expect(sizes.at(-2)).toBe(FILES['workspace.zip'].length + FILES['meta.json'].length);
  });

  it('replaces nothing', async () => {
    const to = await destination();
    await mkdir(join(to, '7'));
    await expect(lastValueFrom(download(await serverWith(), to))).rejects.toMatchObject({
      status: FlareStatus.BAD_ARGUMENT,
      message: expect.stringMatching(/is there already: remove it, or choose another/) as unknown,
    });
    const climbing = { command: 'download_job', jobId: '../7', destination: to } as const;
    await expect(lastValueFrom(downloadResult((await serverWith()).session, climbing))).rejects.toMatchObject(
      {
        status: FlareStatus.BAD_ARGUMENT,
      },
    );
  });

  it('is one at a time to a destination, and goes on where one that was given up has ended', async () => {
    const to = await destination();
    const server = await serverWith();
    const seen: unknown[] = [];
    const { session } = server;
    // The first one has the destination, and gets nothing before the other one has ended.
    const otherEnded = new Subject<never>();
    const { request, fire, pullFile } = session.cell;
    const pulls = vi.fn((...args: Parameters<typeof pullFile>) =>
      concat(otherEnded, pullFile.apply(session.cell, args)),
    );
    const cell = { request: request.bind(session.cell), fire: fire.bind(session.cell), pullFile: pulls };
    const held = { ...server, session: { ...session, cell } };
    const first = lastValueFrom(download(held, to).pipe(tap((progress) => seen.push(progress))));
    await expect.poll(() => pulls.mock.calls.length).toBe(1);
    await expect(lastValueFrom(download(server, to))).rejects.toMatchObject({
      status: FlareStatus.IN_USE,
      message: expect.stringMatching(/\.7\.partial\.lock says: wait for its end/) as unknown,
    });
    otherEnded.complete();
    await first;
    expect(seen).toContainEqual({ type: 'receiving', file: 'workspace.zip', receivedBytes: 2_000 });
    expect(await readdir(to)).toEqual(['7']);
  });

  it('says where the disk fails', async () => {
    const to = await destination();
    await writeFile(join(to, 'file'), '');
    await expect(lastValueFrom(download(await serverWith(), join(to, 'file')))).rejects.toMatchObject({
      code: 'ERROR',
      message: expect.stringMatching(/cannot be written/) as unknown,
    });
  });

  it('refuses a step that brings nothing, or another part', async () => {
    const server = await serverWith();
    server.transfers.stepBytes = 0;
    await expect(lastValueFrom(download(server, await destination()))).rejects.toMatchObject({
      status: FlareStatus.BAD_REPLY,
    });
  });
});
