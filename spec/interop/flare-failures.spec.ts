import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { firstValueFrom, lastValueFrom, type Observable, toArray } from 'rxjs';
import { beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';

import { connectSession, FlareError, type FlareSession, type JobInMemory } from '../../lib/flare/index.js';
import { Deployment } from '../support/deployment.js';
import { federatedAverage } from '../support/federated-average.js';

const IDLE_SECONDS = 8;
const MIB = 1024 * 1024;

const text = (pattern: RegExp) => expect.stringMatching(pattern) as unknown;

/** How it fails. */
async function failure(made: Observable<unknown> | Promise<unknown>): Promise<unknown> {
  const promise = made instanceof Promise ? made : lastValueFrom(made);
  const error: unknown = await promise.then(
    (value) => new Error(`it did not fail: ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FlareError);
  return error;
}

describe.skipIf(inject('interopObstacle') !== '')('what goes wrong at a real server', () => {
  let deployment: Deployment;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rxflare-failures-'));
    deployment = await Deployment.start({
      version: '2.9.0',
      scheme: 'http',
      sites: ['site-1'],
      idleSeconds: IDLE_SECONDS,
    });
    return async () => {
      await deployment.stop();
      await rm(folder, { recursive: true });
    };
  });

  async function connect(kit = deployment.adminKit): Promise<FlareSession> {
    const session = await connectSession(kit);
    onTestFinished(() => session.close());
    return session;
  }

  /** A job that is federated averaging, but for this. */
  function job(name: string, files: JobInMemory['files']): JobInMemory {
    return { name, files: { ...federatedAverage({ name, minClients: 1 }).files, ...files } };
  }

  /** A copy of the kit of the administrator, and a file of it. */
  async function copyOf(name: string, file: string, change: (content: string) => string): Promise<string> {
    const kit = join(folder, name);
    await cp(deployment.adminKit, kit, { recursive: true });
    const path = join(kit, 'startup', file);
    await writeFile(path, change(await readFile(path, 'utf8')));
    return kit;
  }

  it('is a session that the server ends since nobody asked anything', async () => {
    const session = await connect();
    const ended = { status: 'session_ended', code: 'CLOSED', message: text(/: connect a new session$/) };
    const states = await lastValueFrom(session.state$.pipe(toArray()));
    expect(states.map(({ type }) => type)).toEqual(['connected', 'ended']);
    expect(states.at(-1)).toMatchObject({
      error: {
        ...ended,
        message: text(/^the server has closed this session, "admin client session timed out after /),
      },
    });
    expect(await failure(session.listJobs())).toMatchObject(ended);
    expect(await failure(session.jobs$)).toMatchObject(ended);
    expect((await connect()).user).toBe(session.user);
  });

  it('is a session whose stream asks as long as anybody wants to know', async () => {
    const session = await connect();
    const watching = session.clients$.subscribe();
    const other = await connect();
    expect(await lastValueFrom(other.state$)).toMatchObject({ type: 'ended' });
    expect(await firstValueFrom(session.state$)).toEqual({ type: 'connected' });
    watching.unsubscribe();
  });

  it('is a certificate that ends', async () => {
    const kit = await deployment.kitThatEnds(15);
    const session = await connect(kit);
    expect(session.warnings).toContainEqual(text(/certificate/));
    // The server would end a session that asks nothing, and sooner.
    const asked = failure(session.clients$);
    expect(await lastValueFrom(session.state$)).toMatchObject({
      type: 'ended',
      error: {
        status: 'certificate_expired',
        message: text(/has ended: provision the project again, or ask/),
      },
    });
    expect(await asked).toMatchObject({ status: 'certificate_expired' });
    expect(await failure(session.listJobs())).toMatchObject({ status: 'certificate_expired' });
    expect(await failure(connectSession(kit))).toMatchObject({
      status: 'certificate_expired',
      code: 'BAD_CONFIG',
      message: text(/expired on .*: provision the project again, or ask for a new startup kit$/),
    });
  });

  it('is a server of another project', async () => {
    const other = await Deployment.start({ version: '2.9.0', scheme: 'http', sites: [] });
    onTestFinished(() => other.stop());
    const root = await readFile(join(other.adminKit, 'startup', 'rootCA.pem'), 'utf8');
    expect(await failure(connectSession(await copyOf('stranger', 'rootCA.pem', () => root)))).toMatchObject({
      status: 'wrong_server',
      code: 'REFUSED',
      message: text(/: use the startup kit of the project that this server belongs to$/),
    });
    const port = (content: string): string => content.replaceAll(`${deployment.port}`, `${other.port}`);
    const moved = await copyOf('moved', 'fed_admin.json', port);
    expect(await failure(connectSession(moved))).toMatchObject({ status: 'wrong_server' });
    const named = await copyOf('named', 'fed_admin.json', (content) =>
      content.replace('"rxflare"', '"other"'),
    );
    expect(await failure(connectSession(named, { connectTimeoutMs: 5_000 }))).toMatchObject({
      status: 'login_refused',
      message: text(/: use the startup kit that the project of this server made for the user$/),
    });
  });

  it('is a job that the server cannot unpack, or takes for none', async () => {
    const session = await connect();
    const broken = job('broken', { 'meta.json': '{ "name": ' });
    expect(await failure(session.submitJob(broken))).toMatchObject({
      status: 'invalid_job_def',
      reason: text(/Expecting value/),
    });
    const lacking = job('lacking', { 'meta.json': { name: 'lacking', deploy_map: { nothing: ['@ALL'] } } });
    expect(await failure(session.submitJob(lacking))).toMatchObject({
      status: 'invalid_job_def',
      message: text(/: correct the job and submit it again$/),
    });
    expect(await firstValueFrom(session.listJobs())).toEqual([]);
    // It looks at the meta data, unpacks the rest when it runs the job, and says why in its log alone.
    const long = job('long', { [`app/config/${'x'.repeat(300)}`]: '' });
    const jobId = await firstValueFrom(session.submitJob(long));
    expect(await firstValueFrom(session.waitForJob(jobId))).toMatchObject({
      status: 'FINISHED:FAILED_TO_RUN',
    });
  });

  it('is a name with characters of a shell, which arrives as it is', async () => {
    const session = await connect();
    const name = 'a "b" $(id) `id` ; # \\';
    expect(await failure(session.submitJob(job(name, {})))).toMatchObject({ status: 'invalid_job_def' });
    const meta = { name, min_clients: 1, deploy_map: { app: ['@ALL'] }, resource_spec: {} };
    const jobId = await firstValueFrom(session.submitJob(job('plain', { 'meta.json': meta })));
    const found = await firstValueFrom(session.listJobs({ namePrefix: name }));
    expect(found.map((each) => [each.jobId, each.name])).toEqual([[jobId, name]]);
    expect(await firstValueFrom(session.listJobs({ namePrefix: `${name}x` }))).toEqual([]);
    expect(await failure(session.getJobMeta(name))).toMatchObject({
      status: 'invalid_job_id',
      reason: text(/\$\(id\) `id` ; #/),
    });
    await firstValueFrom(session.abortJob(jobId));
  });

  it('is a result that is a zip bomb', async () => {
    const session = await connect();
    const zeros = Array.from({ length: 9 }, (_, index) => [
      `app/config/${index}.bin`,
      new Uint8Array(9 * MIB),
    ]);
    const bomb = job('bomb', Object.fromEntries(zeros) as JobInMemory['files']);
    const jobId = await firstValueFrom(session.submitJob(bomb));
    await firstValueFrom(session.abortJob(jobId));
    expect(await failure(session.downloadJobResult(jobId, folder))).toMatchObject({
      status: 'bad_archive',
      code: 'BAD_DATA',
      message: text(/maxRatio/),
    });
    expect(await readdir(folder)).not.toContain(jobId);
    const all = await firstValueFrom(session.downloadJobResult(jobId, folder, { maxRatio: 10_000 }));
    expect((await readFile(join(all, 'job/bomb/app/config/8.bin'))).length).toBe(9 * MIB);
  });
});
