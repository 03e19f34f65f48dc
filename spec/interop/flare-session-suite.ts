import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { defer, filter, firstValueFrom, lastValueFrom, map, toArray } from 'rxjs';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';

import { connectSession, FlareError, type FlareSession } from '../../lib/flare/index.js';
import { blocks, ROOT } from '../docs/blocks.js';
import { play } from '../docs/play.js';
import { scenesOf } from '../docs/scenes.js';
import { makeWorkspace, put } from '../docs/workspace.js';
import { ADMIN, Deployment, type DeploymentOptions, MEMBER } from '../support/deployment.js';
import { federatedAverage } from '../support/federated-average.js';
import {
  comparable,
  FLARE_ROWS,
  type FlareRow,
  type Given,
  PYTHON_HELPERS,
  RESTART_ROW,
  RUNNING_ROWS,
  SHUTDOWN_ROW,
  SITE_ROWS,
  WITHOUT_ROW,
} from './flare-rows.js';
import { recordResults } from './results.js';

/** Whose programs the guide shows. */
const NEWEST = '2.9.0';

/** A session at a server of this version: does it what Python's does, and what is promised beyond that? */
export function sessionSuite(version: string, scheme: DeploymentOptions['scheme']): void {
  /** What it has shown, by method: empty, or what the version lacks. */
  const proved = new Map<string, string>();
  afterAll(() =>
    recordResults(
      'FLARE API: the same facts as from flare_api',
      [...proved].map(([method, lack]) => ({ facts: { method }, proved: { [version]: lack } })),
    ),
  );

  describe.skipIf(inject('interopObstacle') !== '')(`a session at NVFlare ${version} over ${scheme}`, () => {
    let deployment: Deployment;
    let session: FlareSession;
    let job: string;
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'rxflare-job-'));
      deployment = await Deployment.start({ version, scheme });
      session = await connectSession(deployment.adminKit);
      await writeJob(join(folder, 'fedavg'));
      job = await submit(0);
      return async () => {
        await session.close();
        await deployment.stop();
        await rm(folder, { recursive: true });
      };
    });

    const connected$ = defer(() => session.clients$).pipe(
      filter(({ length }) => length === deployment.sites.length),
    );

    function submit(trainSeconds: number): Promise<string> {
      return firstValueFrom(session.submitJob(federatedAverage({ trainSeconds })));
    }

    /** @param together - Python and rxflare at a time, on one site each */
    async function compare(rows: readonly FlareRow[], jobId: string, together = false): Promise<number> {
      for (const row of rows) {
        const { method, lacks, needsSites } = row;
        if (needsSites === true) await firstValueFrom(connected$);
        const lack = lacks?.[version];
        const called = firstValueFrom(row.call(session, given(jobId))).catch((error: unknown) => error);
        if (!together) await called;
        const theirs = lack === undefined ? await askPython(row, jobId) : undefined;
        const ours = await called;
        if (lack === undefined) expectSame(row, ours, theirs);
        else if (lack.startsWith('its Python'))
          expect([method, ours]).not.toEqual([method, expect.any(Error)]);
        else expect([method, ours]).toEqual([method, expect.any(FlareError)]);
        if (lack === 'the server has no such command') {
          expect([method, ours]).toEqual([method, expect.objectContaining({ code: 'NOT_SUPPORTED' })]);
          expect(String(ours)).toContain(`NVFlare ${session.serverVersion}`);
        }
        proved.set(method, lack ?? '');
      }
      return rows.length;
    }

    function given(job: string): Given {
      return { job, folder: join(folder, 'fedavg'), results: join(folder, 'results') };
    }

    async function askPython({ python }: FlareRow, jobId: string): Promise<unknown> {
      const names = `job = ${JSON.stringify(jobId)}\nfolder = ${JSON.stringify(given(jobId).folder)}`;
      const code = `${PYTHON_HELPERS}\n${names}\nresult = ${python}`;
      return deployment.flareApi<unknown>(code).catch((error: unknown) => error);
    }

    function expectSame({ method, fails }: FlareRow, ours: unknown, theirs: unknown): void {
      if (fails === undefined) {
        if (theirs instanceof Error) throw theirs;
        expect([method, comparable(ours)]).toEqual([method, comparable(theirs)]);
        return;
      }
      expect([method, ours]).toEqual([method, expect.objectContaining({ status: fails })]);
      expect([method, String(theirs)]).toEqual([
        method,
        expect.stringContaining((ours as FlareError).reason ?? 'a reason'),
      ]);
    }

    it('follows a job to its end', async () => {
      const { status$, log$ } = session.job(job);
      const [statuses, log] = await Promise.all([
        lastValueFrom(status$.pipe(toArray())),
        lastValueFrom(log$.pipe(toArray())),
      ]);
      expect(log.join('')).toMatch(/Round 0 started[^]*Round 1 started[^]*Server runner finished/);
      expect(statuses.at(-1)).toBe('FINISHED:COMPLETED');
      const deployed: unknown = expect.arrayContaining(['server: OK', 'site-1: OK']);
      expect(await firstValueFrom(session.waitForJob(job))).toMatchObject({
        jobId: job,
        name: 'fedavg',
        submitterName: 'admin@nvidia.com',
        submitterRole: 'project_admin',
        deployDetail: deployed,
      });
    });

    it('learns what Python learns', async () => {
      expect(await compare(FLARE_ROWS, job)).toBeGreaterThan(10);
    });

    it('watches a running job beside Python, and aborts it', async () => {
      const running = await submit(30);
      const { status$ } = session.job(running);
      await firstValueFrom(status$.pipe(filter((status) => status === 'RUNNING')));
      await expect(firstValueFrom(session.deleteJob(running))).rejects.toMatchObject({
        status: 'job_running',
      });
      // Its parts answer somewhat later.
      const runs = (runner: string) => ({ [runner]: expect.anything() as unknown });
      const site = runs('ClientRunner');
      const stats = { server: runs('ServerRunner'), 'site-1': site, 'site-2': site };
      await expect
        .poll(() => firstValueFrom(session.showStats(running, 'all')).catch(String))
        .toMatchObject(stats);
      expect(await compare(RUNNING_ROWS, running)).toBeGreaterThan(2);
      const end = lastValueFrom(status$);
      await firstValueFrom(session.abortJob(running));
      expect(await end).toBe('FINISHED:ABORTED');
      expect(await firstValueFrom(session.deleteJob(running))).toMatchObject({ jobId: running });
      await expect(firstValueFrom(session.getJobMeta(running))).rejects.toMatchObject({
        status: 'invalid_job_id',
      });
    });

    it('goes on when the server is back', async () => {
      const states = firstValueFrom(
        session.state$.pipe(
          map(({ type }) => type),
          filter((type, index) => index > 0 && type === 'connected'),
        ),
      );
      const starts$ = session.system$.pipe(map(({ server }) => server.startTime?.getTime()));
      const before = await firstValueFrom(starts$);
      const restarted = firstValueFrom(starts$.pipe(filter((start) => start !== before)));
      await deployment.killServer();
      await firstValueFrom(session.state$.pipe(filter(({ type }) => type === 'reconnecting')));
      await deployment.startServer();
      expect(await states).toBe('connected');
      expect(await restarted).toBeGreaterThan(before ?? 0);
      expect((await firstValueFrom(session.listJobs())).map(({ jobId }) => jobId)).toContain(job);
    });

    it('refuses what a member may not do', async () => {
      const member = await connectSession(deployment.memberKit);
      onTestFinished(() => member.close());
      const refused: unknown = await firstValueFrom(member.deleteJob(job)).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(FlareError);
      expect(refused).toMatchObject({ status: 'not_authorized', code: 'REFUSED' });
      await expect(firstValueFrom(member.catTarget('site-1', 'log.txt'))).rejects.toMatchObject({
        status: 'not_authorized',
        reason: `user '${MEMBER}' is not authorized for 'cat'`,
      });
      await expect(firstValueFrom(member.getJobLog(job))).rejects.toMatchObject({
        status: version === '2.7.2' ? 'not_supported' : 'not_authorized',
      });
    });

    it.runIf(version === NEWEST)('has a row for each method of Python, or a reason for none', async () => {
      const code = 'result = [n for n in dir(session) if n[0] != "_" and callable(getattr(session, n))]';
      const methods = await deployment.flareApi<string[]>(code);
      const rows = [...FLARE_ROWS, ...RUNNING_ROWS, ...SITE_ROWS, RESTART_ROW, SHUTDOWN_ROW].map(
        ({ python }) => python,
      );
      const hasRow = (name: string): boolean => rows.some((python) => python.includes(`session.${name}(`));
      expect(methods.length).toBeGreaterThan(50);
      expect(methods.filter((name) => !hasRow(name))).toEqual(Object.keys(WITHOUT_ROW));
      const guide = await readFile(join(ROOT, 'docs/federation.md'), 'utf8');
      const [, table = ''] = guide.split(/^## Python names$/m);
      expect(methods.filter((name) => !table.includes(name))).toEqual([]);
    });

    it.runIf(version === NEWEST)(
      'shows nothing of tokens, signatures and keys, in logs, errors, events, stats and objects',
      async () => {
        const other = join(folder, 'other');
        await cp(deployment.adminKit, other, { recursive: true });
        const file = join(other, 'startup', 'fed_admin.json');
        await writeFile(file, (await readFile(file, 'utf8')).replace('"rxflare"', '"other"'));
        const found = join(folder, 'secrets.json');
        const program = join(ROOT, 'spec/interop/flare-secrets.ts');
        const args = ['--import', 'tsx', program, deployment.adminKit, other, found];
        const env = { ...process.env, DEBUG: '*' };
        const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
          cwd: ROOT,
          env,
          maxBuffer: 2 ** 26,
        });
        const secrets = JSON.parse(await readFile(found, 'utf8')) as string[];
        // Two tokens with their signatures, four forms of the signature of the login, and the lines of the key.
        expect(secrets.length).toBeGreaterThan(20);
        expect(stderr).toContain('rxflare:flare');
        expect(stdout).toContain('login_refused');
        expect(secrets.filter((secret) => `${stdout}${stderr}`.includes(secret))).toEqual([]);
      },
    );

    it.runIf(version === NEWEST)('runs the programs of the guide', { timeout: 180_000 }, async () => {
      const workspace = await makeWorkspace();
      onTestFinished(() => workspace.remove());
      const given = join(workspace.directory, 'startup');
      await cp(deployment.adminKit, join(given, ADMIN), { recursive: true });
      await cp(deployment.memberKit, join(given, MEMBER), { recursive: true });
      await writeJob(join(given, 'fedavg'));
      const scenes = scenesOf(blocks).filter(({ needs }) => needs === 'deployment');
      expect(scenes.length).toBeGreaterThan(3);
      for (const scene of scenes) await play(scene, workspace);
    });

    it('removes, restarts and shuts down sites beside Python', { timeout: 180_000 }, async () => {
      await deployment.startByScripts();
      expect(await compare([...SITE_ROWS, RESTART_ROW, SHUTDOWN_ROW], job, true)).toBe(5);
    });

    it('restarts the server, and shuts it down', { timeout: 180_000 }, async () => {
      const before = await firstValueFrom(session.getSystemInfo());
      const asked = await firstValueFrom(session.restart('server', { waitMs: 120_000 }));
      expect(asked).toMatchObject({ status: 'ok', server_status: 'ok' });
      const after = await firstValueFrom(session.getSystemInfo());
      expect(after.server.startTime).not.toEqual(before.server.startTime);
      const end = lastValueFrom(session.state$);
      await firstValueFrom(session.shutdownSystem());
      expect(await end).toEqual({ type: 'ended' });
      await expect(firstValueFrom(session.listJobs())).rejects.toMatchObject({ status: 'session_ended' });
    });
  });
}

/** Writes the job that the guide submits. */
async function writeJob(folder: string): Promise<void> {
  const files = Object.entries(federatedAverage().files);
  for (const [path, content] of files) await put(join(folder, path), JSON.stringify(content));
}
