import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { firstValueFrom, lastValueFrom, tap, toArray } from 'rxjs';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { fromBuffer, type ZipFile } from 'yauzl';

import { type FlarePageOptions, serveFlarePage } from '../../../lib/cli/flare-dashboard-page.js';
import { askFederation, type SubmissionLine } from '../../../lib/flare/dashboard/index.js';
import { connectSession } from '../../../lib/flare/index.js';
import { Mode } from '../../../lib/index.js';
import { communicator, stopAll } from '../../support/communicators.js';
import { FakeFlareServer } from '../../support/fake-flare-server.js';
import { userKit } from '../../support/flare-project.js';

afterEach(stopAll);

/** The page of a session at a fake server, with a link and a session of the page. */
async function serve(options: FlarePageOptions = {}) {
  const server = await FakeFlareServer.start();
  const session = await connectSession(await userKit(server.port), { pollMs: 1, idlePollMs: 1 });
  const makeServer: FlarePageOptions['makeServer'] = (answers) =>
    createServer((request, response) => {
      if (!answers(request, response)) response.end('the page');
    });
  const page = await serveFlarePage(session, { port: 0, makeServer, ...options });
  onTestFinished(async () => {
    await page.close();
    await session.close();
  });
  const link = new URL(page.newLink());
  const opened = await fetch(new URL('session', link), { method: 'POST', body: link.hash.slice(1) });
  const headers = { Authorization: `Bearer ${await opened.text()}` };
  return { server, session, page, link, headers };
}

const META = { name: 'fedavg', min_clients: 1, deploy_map: { app: ['@ALL'] }, resource_spec: {} };

function folder(files: Readonly<Record<string, string>>): FormData {
  const form = new FormData();
  for (const [path, text] of Object.entries(files)) form.append(path, new Blob([text]), path);
  return form;
}

const JOB = { 'fedavg/meta.json': JSON.stringify(META), 'fedavg/app/config/ü "x".json': '{}' };

async function linesOf(response: Response): Promise<SubmissionLine[]> {
  const text = await response.text();
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as SubmissionLine);
}

describe('the page of a federation', () => {
  it('takes a folder, and tells how its submission goes', async () => {
    const { server, link, headers } = await serve();
    const body = folder(JOB);
    const response = await fetch(new URL('jobs', link), { method: 'POST', headers, body });
    expect(response.status).toBe(200);
    const lines = await linesOf(response);
    expect(lines[0]).toMatchObject({ type: 'sending' });
    expect(lines.at(-1)).toMatchObject({ type: 'submitted' });
    const files = await namesIn(Buffer.from([...server.transfers.jobs.values()][0] ?? []));
    expect(files).toEqual(expect.arrayContaining(['fedavg/meta.json', 'fedavg/app/config/ü "x".json']));
  });

  it.each<[string, FlarePageOptions, RequestInit, number, object]>([
    ['without a session', {}, { headers: { Authorization: 'Bearer x' } }, 401, { code: 'REFUSED' }],
    ['read-only', { isReadOnly: true }, {}, 403, { code: 'REFUSED' }],
    ['by GET', {}, { method: 'GET', body: null }, 405, { code: 'NOT_SUPPORTED' }],
    ['too large', { maxJobBytes: 100 }, {}, 413, { status: 'invalid_job_def' }],
    ['no form', {}, { body: 'text' }, 400, { status: 'invalid_job_def' }],
    ['an empty form', {}, { body: new FormData() }, 400, { status: 'invalid_job_def' }],
    ['two folders', {}, { body: folder({ ...JOB, 'other/x': '' }) }, 400, { status: 'invalid_job_def' }],
    [
      'a file without folder',
      {},
      { body: folder({ 'meta.json': '{}' }) },
      400,
      { status: 'invalid_job_def' },
    ],
  ])('refuses a folder %s', async (_, options, init, status, failure) => {
    const { server, link, headers } = await serve(options);
    const response = await fetch(new URL('jobs', link), {
      method: 'POST',
      headers,
      body: folder(JOB),
      ...init,
    });
    expect(response.status).toBe(status);
    expect(await linesOf(response)).toEqual([expect.objectContaining({ type: 'failed', ...failure })]);
    expect(server.lines).toEqual([]);
  });

  it.each([
    ['no meta.json', { 'fedavg/x': '' }],
    ['a name that no server takes', { '-x/meta.json': '{}' }],
    ['a path that leaves it', { 'fedavg/meta.json': '{}', 'fedavg/../../x': '' }],
  ])('says what is wrong with a folder that has %s', async (_, files) => {
    const { link, headers } = await serve();
    const response = await fetch(new URL('jobs', link), { method: 'POST', headers, body: folder(files) });
    expect(await linesOf(response)).toEqual([
      expect.objectContaining({ type: 'failed', status: 'invalid_job_def' }),
    ]);
  });

  it('refuses more than it takes, also where that is not announced', async () => {
    const { link, headers } = await serve({ maxJobBytes: 1_000 });
    const form = { ...headers, 'Content-Type': 'multipart/form-data; boundary=x' };
    const posted = httpRequest(new URL('jobs', link), { method: 'POST', headers: form, agent: false });
    // The back end closes while we write.
    posted.on('error', () => undefined);
    posted.write(`--x\r\nContent-Disposition: form-data; name="a/b"; filename="b"\r\n\r\n`);
    posted.write('y'.repeat(2_000));
    const [response] = (await once(posted, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(413);
    posted.destroy();
  });

  it('gives the result of a job as a zip, once, and keeps nothing of it', async () => {
    const { server, page: served, link, headers } = await serve();
    server.transfers.files = { 'meta.json': Buffer.from('{}') };
    const temporary = await mkdtemp(join(tmpdir(), 'rxflare-page-'));
    vi.stubEnv('TMPDIR', temporary);
    onTestFinished(async () => {
      vi.unstubAllEnvs();
      await rm(temporary, { recursive: true });
    });
    const page = communicator('page');
    const session = headers.Authorization.slice('Bearer '.length);
    page.addConnector(new URL(`${session}/f3`, link).href, Mode.ACTIVE);
    await page.start();
    await firstValueFrom(page.ready('federation'));
    const fetched: Promise<readonly [Response, Buffer]>[] = [];
    const progress = await lastValueFrom(
      askFederation<'download'>(page, 'federation', { ask: 'download', jobId: 'job-1' }).pipe(
        tap((each) => {
          if (each.type === 'ready') fetched.push(get(new URL(each.path, link)));
        }),
        toArray(),
      ),
    );
    const ready = progress.at(-1);
    expect(ready).toMatchObject({ type: 'ready', fileName: 'job-1.zip' });
    const [response, zip] = (await fetched[0]) ?? [];
    expect(response?.headers.get('content-disposition')).toBe('attachment; filename="job-1.zip"');
    expect(await namesIn(zip ?? Buffer.alloc(0))).toEqual(expect.arrayContaining(['meta.json']));
    const again = ready?.type === 'ready' ? await fetch(new URL(ready.path, link)) : undefined;
    expect(again?.status).toBe(404);
    await served.close();
    expect(await readdir(temporary)).toEqual([]);
  });

  it('answers nobody who comes by another name', async () => {
    const { link, headers } = await serve();
    const status = async (host: string, origin: string) => {
      const asked = httpRequest(new URL('session', link), {
        headers: { ...headers, host, origin },
        agent: false,
      }).end();
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      response.resume();
      return response.statusCode;
    };
    expect(await status(link.host, link.origin)).toBe(204);
    expect(await status(`evil.example:${link.port}`, link.origin)).toBe(421);
    expect(await status(link.host, 'http://evil.example')).toBe(421);
  });

  it('says that others can reach it where they can', async () => {
    const { page, link, headers } = await serve({ host: '0.0.0.0' });
    expect(page.isOpen).toBe(true);
    expect(link.hostname).toBe('localhost');
    expect((await fetch(new URL('session', link), { headers })).status).toBe(204);
    expect((await serve()).page.isOpen).toBe(false);
    expect((await serve({ host: 'localhost' })).page.isOpen).toBe(false);
  });
});

async function get(url: URL): Promise<readonly [Response, Buffer]> {
  const response = await fetch(url);
  return [response, Buffer.from(await response.arrayBuffer())];
}

async function namesIn(zip: Buffer): Promise<readonly string[]> {
  const file = await new Promise<ZipFile>((resolve, reject) => {
    fromBuffer(zip, (error, opened) => (error === null ? resolve(opened) : reject(error)));
  });
  const names: string[] = [];
  file.on('entry', ({ fileName }: { readonly fileName: string }) => names.push(fileName));
  await once(file, 'end');
  return names;
}
