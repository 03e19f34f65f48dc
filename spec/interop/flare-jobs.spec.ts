import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { firstValueFrom, lastValueFrom, tap, toArray } from 'rxjs';
import { beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';

import { connectSession, type FlareSession, FlareStatus } from '../../lib/flare/index.js';
import { readNpy } from '../../lib/fobs/npy.js';
import { Deployment } from '../support/deployment.js';
import { federatedAverage } from '../support/federated-average.js';
import { DEPLOYMENTS } from './set-up.js';

const MIB = 1024 * 1024;

/** A folder that is removed after the test. */
async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rxflare-flare-jobs-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** All files below a folder, as Base64 by path. */
async function filesIn(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const contents = await Promise.all(files.map((path) => readFile(path, 'base64')));
  return Object.fromEntries(
    files.map((path, index) => [path.slice(folder.length + 1), contents[index] ?? '']),
  );
}

const suite = describe.skipIf(inject('interopObstacle') !== '');

suite.each(DEPLOYMENTS)('jobs at a server of NVFlare $version over $scheme', ({ version, scheme }) => {
  let deployment: Deployment;
  let session: FlareSession;
  beforeAll(async () => {
    deployment = await Deployment.start({ version, scheme });
    session = await connectSession(deployment.adminKit, { idlePollMs: 1_000 });
    return async () => {
      await session.close();
      await deployment.stop();
    };
  });

  it('submits federated averaging, watches it to its end, and downloads what Python downloads', async () => {
    const jobId = await lastValueFrom(session.submitJob(federatedAverage()));
    const metas = await lastValueFrom(session.monitorJob(jobId).pipe(toArray()));
    expect(metas.map(({ status }) => status)).toEqual(
      expect.arrayContaining(['RUNNING', 'FINISHED:COMPLETED']),
    );
    expect(metas.at(-1)).toMatchObject({ name: 'fedavg', submitterName: 'admin@nvidia.com' });

    const folder = await firstValueFrom(session.downloadJobResult(jobId, await temporary()));
    const python = await deployment.flareApi<{ folder: string; meta: Record<string, unknown> }>(
      `folder = session.download_job_result("${jobId}")\n` +
        `result = {"folder": folder, "meta": session.get_job_meta("${jobId}")}`,
    );
    const files = await filesIn(folder);
    expect(files).toEqual(await filesIn(python.folder));
    expect(metas.at(-1)?.raw).toMatchObject({ job_id: python.meta.job_id, status: python.meta.status });
    const model = readNpy(await readFile(join(folder, 'workspace/models/server.npy')));
    // The model of the beginning is 1 to 9, and each round adds 1.
    expect([...model.data]).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it('aborts a job that runs', { timeout: 180_000 }, async () => {
    const jobId = await lastValueFrom(
      session.submitJob(federatedAverage({ name: 'long', rounds: 1_000, trainSeconds: 1 })),
    );
    const early$ = session.downloadJobResult(jobId, await temporary());
    // Up to 2.8 it has what there is.
    if (version === '2.9.0')
      await expect(lastValueFrom(early$)).rejects.toMatchObject({ status: FlareStatus.JOB_RUNNING });
    // The server calls it so before its sites have begun, and an abort that comes in between may take long.
    const runs = { ClientRunner: expect.anything() as unknown };
    await expect
      .poll(() => firstValueFrom(session.showStats(jobId, 'all')).catch(String))
      .toMatchObject({ 'site-1': runs, 'site-2': runs });
    const ended = lastValueFrom(session.monitorJob(jobId));
    await firstValueFrom(session.abortJob(jobId));
    expect(await ended).toMatchObject({ status: 'FINISHED:ABORTED' });
  });

  it('says why a job is refused', async () => {
    const { name, files } = federatedAverage({ name: 'refused' });
    const meta = { name, min_clients: 1, deploy_map: { other: ['@ALL'] }, resource_spec: {} };
    await expect(
      lastValueFrom(session.submitJob({ name, files: { ...files, 'meta.json': meta } })),
    ).rejects.toMatchObject({
      status: FlareStatus.INVALID_JOB,
      reason: expect.stringMatching(/other/) as unknown,
    });
    const member = await connectSession(deployment.memberKit);
    onTestFinished(() => member.close());
    await expect(lastValueFrom(member.submitJob(federatedAverage()))).rejects.toMatchObject({
      status: FlareStatus.NOT_AUTHORIZED,
    });
  });

  it('makes one job of a submission and of a result one download, though the server is killed in the middle', async () => {
    const { name, files } = federatedAverage({ name: 'restarted' });
    const data = { 'app/config/a.bin': randomBytes(7 * MIB), 'app/config/b.bin': randomBytes(7 * MIB) };
    /** Kills the server in the middle of a step, once. */
    const killing = () => {
      const restarts: Promise<void>[] = [];
      const restart = (): void => {
        if (restarts.length > 0) return;
        deployment.killServerAtOnce();
        restarts.push(deployment.restartServer('server'));
      };
      return { restart, done: () => Promise.all(restarts) };
    };
    const inUpload = killing();
    const submitted$ = session.submitJobWithProgress({ name, files: { ...files, ...data } }).pipe(
      tap((progress) => {
        if (progress.type === 'sending' && progress.sentBytes > 3 * MIB) inUpload.restart();
      }),
    );
    const submission = await lastValueFrom(submitted$.pipe(toArray()));
    const sizes = submission.flatMap((progress) => (progress.type === 'sending' ? [progress.sentBytes] : []));
    expect(sizes.filter((size) => size === MIB)).toHaveLength(2);
    await inUpload.done();
    const jobs = await firstValueFrom(session.listJobs());
    const [job, ...others] = jobs.filter((each) => each.name === name);
    expect(others).toEqual([]);
    expect(submission.at(-1)).toMatchObject({ type: 'submitted', jobId: job?.jobId });

    const jobId = job?.jobId ?? '';
    await firstValueFrom(session.abortJob(jobId));
    await firstValueFrom(session.waitForJob(jobId));
    const inDownload = killing();
    const received: number[] = [];
    const downloaded$ = session.downloadJobResultWithProgress(jobId, await temporary()).pipe(
      tap((progress) => {
        if (progress.type !== 'receiving' || progress.file !== 'job.zip') return;
        received.push(progress.receivedBytes);
        if (progress.receivedBytes > 0) inDownload.restart();
      }),
    );
    const download = await lastValueFrom(downloaded$);
    await inDownload.done();
    // It went on where it was: no part came twice, and what was there was seen again.
    const parts = received.filter((size, index) => size !== received[index - 1]);
    expect(parts).toEqual([...new Set(parts)].sort((one, other) => one - other));
    expect(received.length).toBe(parts.length + 1);
    const folder = download.type === 'downloaded' ? download.folder : '';
    const there = await readFile(join(folder, 'job', name, 'app/config/b.bin'));
    expect(there.equals(data['app/config/b.bin'])).toBe(true);
  });
});
