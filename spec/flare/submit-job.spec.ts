import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { lastValueFrom, NEVER, of, throwError, toArray } from 'rxjs';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import type { Cell } from '../../lib/cellnet/index.js';
import { FlareError, FlareStatus } from '../../lib/flare/flare-error.js';
import { type SubmitOptions, submitJob } from '../../lib/flare/submit-job.js';
import type { TransferSession } from '../../lib/flare/job-transfer.js';
import { stopAll } from '../support/communicators.js';
import { transferSession } from '../support/transfer-session.js';

const JOB = { name: 'job', files: { 'meta.json': '{}', 'app/custom/a.py': 'a'.repeat(2_000) } };

function submit(session: TransferSession, options?: SubmitOptions) {
  return lastValueFrom(submitJob(session, JOB, { chunkBytes: 400, ...options }).pipe(toArray()));
}

let temporary: string;
const { TMPDIR } = process.env;

beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'rxflare-submit-job-'));
  process.env.TMPDIR = temporary;
});
afterAll(async () => {
  if (TMPDIR === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = TMPDIR;
  await rm(temporary, { recursive: true });
});
afterEach(stopAll);

/** A cell that asks in another way. */
function cellWith({ cell }: TransferSession, request: Cell['request']): TransferSession['cell'] {
  return { request, fire: cell.fire.bind(cell), pullFile: cell.pullFile.bind(cell) };
}

/** The folders that submissions pack jobs in; other tests have another place for theirs. */
const folders = async (): Promise<string[]> =>
  (await readdir(temporary)).filter((name) => name.startsWith('rxflare-job-'));

describe('submitJob', () => {
  it('sends a job in chunks, says how far it is, and removes what it packed', async () => {
    const before = await folders();
    const { server, session } = await transferSession();
    const progress = await submit(session);
    const [zip] = server.transfers.jobs.values();
    const total = zip?.length ?? 0;
    expect(progress.at(-1)).toEqual({ type: 'submitted', jobId: 'job-0', totalBytes: total });
    expect(progress.slice(0, -1)).toEqual(
      Array.from({ length: Math.ceil(total / 400) }, (_, index) => ({
        type: 'sending',
        sentBytes: Math.min(400 * (index + 1), total),
        totalBytes: total,
      })),
    );
    expect(Buffer.from(zip ?? []).subarray(0, 4)).toEqual(Buffer.from('PK\x03\x04'));
    expect(await folders()).toEqual(before);
  });

  it('speaks the dialect of 2.7, which has no tokens', async () => {
    const { server, session } = await transferSession('2.7');
    await submit(session);
    expect([...server.transfers.jobs.keys()]).toEqual(['without a token 0']);
    await expect(submit(session, { submitToken: 'one' })).rejects.toMatchObject({
      status: FlareStatus.NOT_SUPPORTED,
    });
  });

  it.each([
    ['never heard a chunk', { request: 2, heard: false }],
    ['was restarted after a chunk', { request: 2, heard: true, restarts: true }],
    ['was restarted after the whole', { request: 4, heard: true, restarts: true }],
  ])('makes one job where the server %s', async (_, fault) => {
    const { server, session } = await transferSession();
    server.transfers.faults = [fault];
    const progress = await submit(session);
    expect(progress.at(-1)).toMatchObject({ type: 'submitted', jobId: 'job-0' });
    expect(server.transfers.jobs.size).toBe(1);
    expect(server.transfers.requests).toBeGreaterThan(4);
  });

  it('begins anew where a server does not know an upload any more', async () => {
    const { server, session } = await transferSession();
    server.transfers.faults = [{ request: 1, heard: true, restarts: true }];
    await submit(session);
    expect(server.transfers.jobs.size).toBe(1);
  });

  it('does not repeat what may have made a job, without a token', async () => {
    const { server, session } = await transferSession('2.7');
    const last = (await submit(session)).length - 1;
    server.transfers.requests = 0;
    server.transfers.faults = [{ request: last, heard: true }];
    await expect(submit(session)).rejects.toMatchObject({
      status: FlareStatus.INTERRUPTED,
      message: expect.stringMatching(/may be there all the same: look with listJobs/) as unknown,
    });
    server.transfers.requests = 0;
    server.transfers.faults = [{ request: last - 1, heard: true }];
    expect((await submit(session)).at(-1)).toMatchObject({ type: 'submitted' });
  });

  it('gives up after five attempts, and when the session ends', async () => {
    const { server, session } = await transferSession();
    server.transfers.faults = Array.from({ length: 100 }, (_, index) => ({
      request: index + 1,
      heard: false,
    }));
    await expect(submit(session)).rejects.toMatchObject({
      status: FlareStatus.INTERRUPTED,
      message: expect.stringMatching(/submit it again once the server is there/) as unknown,
    });
    expect(server.transfers.requests).toBe(5);
    const error = new FlareError(FlareStatus.SESSION_ENDED, 'ended');
    const ended = { ...session, state$: of({ type: 'ended', error } as const) };
    await expect(submit(ended)).rejects.toBe(error);
  });

  it('hands on why the server refuses a job', async () => {
    const { server, session } = await transferSession();
    const info = "App 'app' in deploy_map doesn't exist";
    server.transfers.refusal = { data: [], meta: { status: 'invalid_job_def', info } };
    await expect(submit(session)).rejects.toMatchObject({ status: FlareStatus.INVALID_JOB, reason: info });
    expect(server.transfers.requests).toBeLessThan(20);
  });

  it.each<[string, SubmitOptions, string]>([
    ['no token', { submitToken: 'with a blank' }, FlareStatus.BAD_ARGUMENT],
    ['no size', { chunkBytes: 0 }, 'BAD_CONFIG'],
    ['half a byte', { chunkBytes: 100.5 }, 'BAD_CONFIG'],
    ['an unknown option', { tries: 3 } as SubmitOptions, 'BAD_CONFIG'],
  ])('refuses %s', async (_, options, what) => {
    const error: unknown = await submit((await transferSession()).session, options).catch(
      (reason: unknown) => reason,
    );
    expect(error).toSatisfy((each: FlareError) => [each.status, each.code].includes(what as never));
  });

  it('takes a large file with no token only', async () => {
    const large = {
      name: 'job',
      files: { 'meta.json': '{}', 'app/data.bin': new Uint8Array(11 * 1024 * 1024) },
    };
    const { server, session } = await transferSession();
    await lastValueFrom(submitJob(session, large));
    expect([...server.transfers.jobs.keys()]).toEqual(['without a token 0']);
    await expect(lastValueFrom(submitJob(session, large, { submitToken: 'one' }))).rejects.toMatchObject({
      status: FlareStatus.INVALID_JOB,
      message: expect.stringMatching(/10 MiB/) as unknown,
    });
  });

  it('tells the server when nobody waits any more', async () => {
    const before = await folders();
    const { server, session } = await transferSession();
    const request = vi.fn(() => NEVER);
    const submission = submitJob({ ...session, cell: cellWith(session, request) }, JOB).subscribe();
    await expect.poll(() => request.mock.calls.length).toBe(1);
    submission.unsubscribe();
    await expect
      .poll(() => server.transfers.told)
      .toMatchObject([{ __headers__: { __topic__: 'ObjectStreamer.Abort' } }]);
    await expect.poll(folders).toEqual(before);
  });

  it('shows a bearer token in no error', async () => {
    const { session } = await transferSession();
    const cell = cellWith(session, () => throwError(() => new Error('broken')));
    const commandText = () => JSON.stringify({ data: 'SECRET' });
    const error: unknown = await submit({ ...session, cell, commandText }).catch((reason: unknown) => reason);
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('SECRET');
  });
});
