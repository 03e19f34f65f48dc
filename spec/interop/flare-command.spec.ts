import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';

import type { JobInMemory } from '../../lib/flare/index.js';
import { Deployment } from '../support/deployment.js';
import { federatedAverage } from '../support/federated-average.js';
import { trackedJob } from '../support/tracked-job.js';
import { type RxflareEvent, type RxflareResult, RxflareProcess } from '../support/rxflare-process.js';

const text = (pattern: RegExp) => expect.stringMatching(pattern) as unknown;

const PROGRAM = fileURLToPath(new URL('flare-secrets-command.ts', import.meta.url));

/** A folder that is removed after the test. */
async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rxflare-flare-command-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** The folder of a job. */
async function folderOf({ name, files }: JobInMemory): Promise<string> {
  const folder = join(await temporary(), name);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return folder;
}

const eventsOf = ({ stdout }: RxflareResult): RxflareEvent[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as RxflareEvent)
    .filter(({ event }) => event !== 'notice');

describe.skipIf(inject('interopObstacle') !== '')('rxflare flare', () => {
  let deployment: Deployment;
  let jobId = '';
  beforeAll(async () => {
    deployment = await Deployment.start({ version: '2.9.0', scheme: 'http' });
    return () => deployment.stop();
  });
  const flare = (...words: readonly string[]): Promise<RxflareResult> =>
    RxflareProcess.run('flare', ...words, '--kit', deployment.adminKit);

  it('submits a job and follows it to its end, one event a line', async () => {
    const result = await flare('submit', await folderOf(federatedAverage()), '--watch', '--json');
    const events = eventsOf(result);
    expect(events.map(({ event }) => event).slice(0, 2)).toEqual(['progress', 'submitted']);
    jobId = String(events[1]?.jobId);
    expect(events).toContainEqual(expect.objectContaining({ event: 'job', jobId, status: 'RUNNING' }));
    expect(events.at(-1)).toMatchObject({ event: 'job', jobId, status: 'FINISHED:COMPLETED' });
    expect(result.exitCode).toBe(0);
  });

  it('shows the server, sites and jobs as tables, and as JSON', async () => {
    const [status, sites, jobs, json] = await Promise.all([
      flare('status'),
      flare('sites', '--json'),
      flare('jobs'),
      flare('jobs', '--json', '--name', 'fed'),
    ]);
    expect(status.stdout).toMatch(
      /^server \w+, NVFlare 2\.9\.0, since .*Z\nlogged in as admin@nvidia\.com; 2 sites/,
    );
    expect(status.stdout).toMatch(/^SITE {4}SEEN +CELL$/m);
    expect(
      eventsOf(sites)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['site-1', 'site-2']);
    expect(jobs.stdout).toMatch(/^ID +NAME +STATUS +SUBMITTED +DURATION +BY\n/);
    expect(jobs.stdout).toContain(`${jobId}  fedavg  FINISHED:COMPLETED`);
    expect(eventsOf(json)).toMatchObject([{ event: 'job', jobId, name: 'fedavg' }]);
    expect([status, sites, jobs, json].map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0]);
  });

  it('prints the log of a job, and downloads its result', async () => {
    const logs = await flare('logs', jobId);
    expect(logs).toMatchObject({ exitCode: 0, stdout: text(/Round 1 finished|Finished ScatterAndGather/) });
    const to = await temporary();
    expect(await flare('download', jobId, to)).toMatchObject({ exitCode: 0, stdout: `${join(to, jobId)}\n` });
    expect((await readdir(join(to, jobId))).sort()).toEqual(['job', 'meta.json', 'workspace']);
    const again = await flare('download', jobId, to);
    expect(again).toMatchObject({ exitCode: 2, stderr: text(/is there already: remove it/) });
  });

  it('ends by the outcome of a job that another aborts', async () => {
    const job = federatedAverage({ name: 'long', rounds: 1_000, trainSeconds: 1 });
    const submitted = await flare('submit', await folderOf(job));
    const [, id = ''] = /submitted (\S+)/.exec(submitted.stdout) ?? [];
    await using watch = new RxflareProcess('flare', 'watch', id, '--json', '--kit', deployment.adminKit);
    await watch.next(({ status }) => status === 'RUNNING');
    expect(await flare('abort', id)).toMatchObject({ exitCode: 0 });
    const ended = await watch.ended();
    expect(eventsOf(ended).at(-1)).toMatchObject({
      event: 'error',
      status: 'job_failed',
      message: text(/ABORTED/),
    });
    expect(ended.exitCode).toBe(9);
  });

  it('says why a job failed, and shows the log of the site', async () => {
    const job = trackedJob({ name: 'failing', version: '2.9.0', rounds: 2, failingSite: 'site-2' });
    const failed = await flare('submit', await folderOf(job), '--watch');
    const [, id = ''] = /submitted (\S+)/.exec(failed.stdout) ?? [];
    expect(failed).toMatchObject({
      exitCode: 9,
      stderr: text(/site-2: \w+Error: .*: rxflare flare logs \S+ --site site-2 shows its log/),
    });
    expect(failed.stdout).not.toContain('server: OK');
    const [log, nowhere] = await Promise.all([
      flare('logs', id.slice(0, 13), '--site', 'site-2'),
      flare('logs', id, '--site', 'site-9'),
    ]);
    expect(log).toMatchObject({ exitCode: 0, stdout: text(/Error: /) });
    expect(nowhere).toMatchObject({
      exitCode: 8,
      stderr: text(/only at server, site-1, site-2: rxflare flare sites/),
    });
  });

  it('says what to do where something cannot be', async () => {
    const folder = await folderOf({ ...federatedAverage(), name: 'a b;c' });
    const [name, job, member] = await Promise.all([
      flare('submit', folder),
      flare('watch', '00000000-0000-4000-8000-000000000000'),
      RxflareProcess.run('flare', 'abort', jobId, '--kit', deployment.memberKit, '--json'),
    ]);
    expect(name).toMatchObject({ exitCode: 8, stderr: text(/"a b;c": a job is called by letters/) });
    expect(job).toMatchObject({ exitCode: 8, stderr: text(/invalid_job_id/) });
    expect(eventsOf(member)).toMatchObject([{ event: 'error', status: 'not_authorized' }]);
    expect(member.exitCode).toBe(4);
  });

  it.each([
    ['for people', []],
    ['for scripts', ['--json']],
  ])('shows nothing of keys, tokens and signatures %s, whatever fails', async (_, json) => {
    const folder = await temporary();
    const refused = join(folder, 'refused');
    await cp(deployment.adminKit, refused, { recursive: true });
    const file = join(refused, 'startup', 'fed_admin.json');
    await writeFile(file, (await readFile(file, 'utf8')).replace('"rxflare"', '"other"'));
    const nowhere = '00000000-0000-4000-8000-000000000000';
    const jobs = [federatedAverage(), { ...federatedAverage(), name: 'a b;c' }];
    const [good = '', bad = ''] = await Promise.all(jobs.map(folderOf));
    const aborted = await folderOf(federatedAverage({ name: 'none', minClients: 99 }));
    const commands: readonly (readonly string[])[] = [
      ['status'],
      ['sites'],
      ['jobs'],
      ['jobs', '--study', 'none'],
      ['submit', bad],
      ['submit', good, '--token', 'one'],
      ['submit', aborted, '--token', 'one'],
      ['watch', jobId],
      ['watch', nowhere],
      ['logs', jobId, '--follow'],
      ['logs', nowhere],
      ['logs', jobId, '--site', 'nowhere'],
      ['abort', jobId],
      ['abort', nowhere],
      ['download', jobId, folder],
      ['download', jobId, folder],
      ['download', nowhere, folder],
    ];
    const kits = [
      ...commands.map((words) => [...words, '--kit', deployment.adminKit]),
      ['abort', jobId, '--kit', deployment.memberKit],
      ['status', '--timeout', '3', '--kit', refused],
    ];
    const found = join(folder, 'secrets.json');
    const words = JSON.stringify(kits.map((each) => ['flare', ...each, ...json]));
    const args = ['--import', 'tsx', PROGRAM, deployment.adminKit, found, words];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
      env: { ...process.env, DEBUG: '*' },
      maxBuffer: 2 ** 28,
    });
    const secrets = JSON.parse(await readFile(found, 'utf8')) as string[];
    // Of each of 19 sessions tokens with their signatures, and that of its login in four forms; and the lines of the key.
    expect(secrets.length).toBeGreaterThan(19 * 5);
    const all = `${stdout}${stderr}`;
    const seen = [
      'rxflare:flare',
      'task does not match',
      'not_authorized',
      'invalid_job_id',
      'submit_token_conflict',
      'is there already',
      'FINISHED:COMPLETED',
      'Round 1 started',
    ];
    expect(seen.filter((each) => !all.includes(each))).toEqual([]);
    expect(secrets.filter((secret) => all.includes(secret))).toEqual([]);
  });
});
