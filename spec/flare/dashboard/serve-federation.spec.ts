import { firstValueFrom, lastValueFrom, map, NEVER, of, skip, takeWhile, toArray } from 'rxjs';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';

import {
  askFederation,
  FEDERATION_APP_ID,
  FEDERATION_PROPERTIES,
  type FederationQuestion,
} from '../../../lib/flare/dashboard/index.js';
import { connectSession, serveFederation, type ServeFederationOptions } from '../../../lib/flare/index.js';
import { type Communicator, Endpoint, Mode, textMessage, textOf } from '../../../lib/index.js';
import { communicator, stopAll, untilState } from '../../support/communicators.js';
import { ADMIN_TOKEN, CELL_TOKEN, FakeFlareServer, type FakeReply } from '../../support/fake-flare-server.js';
import { userKit } from '../../support/flare-project.js';

afterEach(stopAll);

const ok = (meta: object = {}, data: readonly object[] = []): FakeReply => ({
  data,
  meta: { status: 'ok', info: '', ...meta },
});
const dict = (data: object): FakeReply => ok({}, [{ type: 'dict', data }]);

let url = 0;

/** A session at a fake server, its back end, and a page. */
async function federation(options: ServeFederationOptions = {}) {
  const server = await FakeFlareServer.start();
  const session = await connectSession(await userKit(server.port), { pollMs: 1, idlePollMs: 1 });
  onTestFinished(() => session.close());
  const at = `inproc://federation-${++url}`;
  const hub = communicator(new Endpoint('federation', FEDERATION_PROPERTIES));
  hub.addConnector(at, Mode.PASSIVE);
  const service = serveFederation(hub, session, options);
  const page = await pageAt(hub, at);
  return { server, session, hub, at, page, service };
}

async function pageAt(hub: Communicator, at: string, name = 'page'): Promise<Communicator> {
  const page = communicator(name);
  page.addConnector(at, Mode.ACTIVE);
  await Promise.all([hub.start(), page.start()]);
  await Promise.all([untilState(page, 'federation'), untilState(hub, name)]);
  return page;
}

const ask = <A extends FederationQuestion['ask']>(
  page: Communicator,
  question: Extract<FederationQuestion, { ask: A }>,
) => askFederation<A>(page, 'federation', question);

const JOB = {
  job_id: 'j',
  job_name: 'fedavg',
  status: 'FINISHED:COMPLETED',
  submit_time: 100,
  start_time: '1970-01-01T00:02:00+00:00',
  duration: '1 day, 0:00:01.500000',
  submitter_name: 'lead@nvidia.com',
  job_deploy_detail: ['server: OK', 'site-1: OK', 'site-2: no room'],
};

describe('the back end of a federation', () => {
  it('reports on the system, and again when a site goes', async () => {
    const { server, page, session } = await federation({ isReadOnly: true, maxJobBytes: 7 });
    const client = (name: string, client_last_conn_time: number) => ({
      client_name: name,
      client_last_conn_time,
    });
    let clients = [client('site-2', Date.now() / 1_000), client('site-1', 1)];
    server.answers.set('check_status', (line) =>
      line.endsWith('server')
        ? ok({ server_status: 'started', server_start_time: 2, clients, jobs: [] })
        : ok({
            client_status: [
              { client_name: 'site-2', job_id: 'j' },
              { client_name: 'site-1', status: 'no_jobs' },
            ],
          }),
    );
    const table = [
      ['SITE', 'RESOURCES'],
      ['site-2', "{'resources': {'num_of_gpus': 2, 'name': 'a b'}, 'reserved_resources': {}}"],
    ];
    server.answers.set('report_resources', () => ok({}, [{ type: 'table', rows: table }]));
    server.answers.set('report_version', () => dict({ 'site-2': { version: '2.9.0' } }));
    const reports$ = ask(page, { ask: 'system' });
    const full = await firstValueFrom(
      reports$.pipe(
        takeWhile(
          ({ sites: [, second] }) =>
            second?.jobs == null || second.version === null || second.resources === null,
          true,
        ),
        toArray(),
        map((all) => all.at(-1)),
      ),
    );
    expect(full).toMatchObject({
      session: { state: 'connected', text: null },
      user: session.user,
      study: 'default',
      isReadOnly: true,
      maxJobBytes: 7,
      server: { version: '2.9.0', status: 'started', startTime: 2_000 },
      sites: [
        { name: 'site-1', state: 'silent', lastSeen: 1_000, jobs: [], resources: null, version: null },
        {
          name: 'site-2',
          state: 'connected',
          jobs: ['j'],
          resources: [
            ['num_of_gpus', '2'],
            ['name', 'a b'],
          ],
          version: '2.9.0',
        },
      ],
    });

    const gone = lastValueFrom(reports$.pipe(takeWhile(({ sites }) => sites[0]?.state !== 'gone', true)));
    await firstValueFrom(
      reports$.pipe(
        takeWhile(({ sites }) => sites.length < 2, true),
        toArray(),
      ),
    );
    clients = clients.slice(0, 1);
    expect((await gone).sites[0]).toEqual({
      name: 'site-1',
      state: 'gone',
      lastSeen: 1_000,
      jobs: null,
      resources: null,
      version: null,
    });
  });

  it('lists jobs, the latest first', async () => {
    const { server, page } = await federation();
    const jobs = [
      { ...JOB, job_id: 'i', submit_time: 99, status: 'SUBMITTED', start_time: '', duration: 'N/A' },
      JOB,
    ];
    server.answers.set('list_jobs', () => ok({ jobs }));
    const { jobs: listed, omitted } = await firstValueFrom(ask(page, { ask: 'jobs' }));
    expect(omitted).toBe(0);
    expect(listed).toEqual([
      {
        jobId: 'j',
        name: 'fedavg',
        status: 'FINISHED:COMPLETED',
        outcome: 'completed',
        submitTime: 100_000,
        startTime: 120_000,
        durationMs: 86_401_500,
        submitter: 'lead@nvidia.com',
      },
      expect.objectContaining({ jobId: 'i', outcome: 'waiting', startTime: null, durationMs: null }),
    ]);
  });

  it('fails a question alone whose answer is too large for a page', async () => {
    const { server, page } = await federation();
    let system = ok({ server_status: 'started', clients: [], jobs: [] });
    server.answers.set('check_status', () => system);
    const other = firstValueFrom(ask(page, { ask: 'system' }).pipe(skip(1)));
    server.answers.set('list_jobs', () => ok({ jobs: [{ ...JOB, job_name: 'x'.repeat(17 * 2 ** 20) }] }));
    await expect(firstValueFrom(ask(page, { ask: 'jobs' }))).rejects.toMatchObject({
      code: 'BAD_DATA',
      message: expect.stringMatching(
        /^the answer has 1\d{7} bytes, and a page takes 16777216: ask with/,
      ) as string,
    });
    system = ok({ server_status: 'stopped', clients: [], jobs: [] });
    expect(await other).toBeDefined();
  });

  it('follows a job to its end, and ends', async () => {
    const { server, page } = await federation();
    let asked = 0;
    server.answers.set('get_job_meta', () => {
      asked += 1;
      const [status, duration] = asked < 8 ? ['RUNNING', ''] : ['FINISHED:COMPLETED', '0:00:05'];
      return ok({ job_meta: { ...JOB, status, duration } });
    });
    server.answers.set('get_job_log', () => {
      const lines = ['Round 0 started.', 'validation metric 0.5 from client site-1', 'Round 0 finished.'];
      const log = lines
        .slice(0, asked)
        .map((text) => `2026-11-26 12:00:00,000 - a - INFO - ${text}\n`)
        .join('');
      return dict({ logs: { server: log } });
    });
    server.answers.set('cat', () => {
      const config = {
        workflows: [{ path: 'a.B', args: { num_rounds: 7 } }],
        components: [{ path: 'a.IntimeModelSelector', args: { key_metric: 'accuracy' } }],
      };
      return ok({}, [{ type: 'string', data: JSON.stringify(config) }]);
    });
    const reports = await lastValueFrom(ask(page, { ask: 'job', jobId: 'j' }).pipe(toArray()));
    const last = reports.at(-1);
    expect(last).toMatchObject({
      job: { status: 'FINISHED:COMPLETED', durationMs: 5_000 },
      timeline: [
        { status: 'SUBMITTED', at: 100_000, source: 'server' },
        { status: 'RUNNING', at: 120_000, source: 'server' },
        { status: 'FINISHED:COMPLETED', at: 125_000, source: 'server' },
      ],
      deployment: [
        { site: 'server', isOk: true, text: 'OK' },
        { site: 'site-1', isOk: true, text: 'OK' },
        { site: 'site-2', isOk: false, text: 'no room' },
      ],
      participants: ['server', 'site-1', 'site-2'],
      training: {
        round: 0,
        finishedRounds: 1,
        rounds: 7,
        obstacle: null,
        metrics: [{ site: 'site-1', name: 'accuracy', points: [[0, 0.5]] }],
        failure: null,
      },
    });
    expect(reports.length).toBeGreaterThan(2);
  });

  it('gives a log as it grows, and says where there is none', async () => {
    const { server, page } = await federation();
    let log = 'a\n';
    server.answers.set('get_job_meta', () =>
      ok({ job_meta: { ...JOB, status: log.length < 6 ? 'RUNNING' : 'FINISHED:COMPLETED' } }),
    );
    server.answers.set('get_job_log', (line) => {
      if (!line.includes('server')) return dict({ logs: {}, unavailable: { 'site-1': 'not streamed' } });
      log += 'b\n';
      return dict({ logs: { server: log } });
    });
    server.answers.set('cat', () =>
      ok({}, [{ type: 'string', data: 'cat: j/log.txt: No such file or directory' }]),
    );
    const parts = await lastValueFrom(ask(page, { ask: 'log', jobId: 'j', site: 'server' }).pipe(toArray()));
    expect(parts.map(({ text }) => text).join('')).toBe('a\nb\nb\nb\n');
    const none = await firstValueFrom(ask(page, { ask: 'log', jobId: 'j', site: 'site-1' }));
    expect(none).toEqual({ text: '', skipped: 0, isAnew: false, obstacle: 'not streamed' });
  });

  it('does what it is told, and says what the federation says', async () => {
    const { server, page } = await federation({
      download: (jobId) => of({ type: 'ready', path: jobId, fileName: 'x' }),
    });
    server.answers.set('abort_job', () => ok({ info: 'aborted it' }));
    server.answers.set('clone_job', () => ok({ job_id: 'k' }));
    server.answers.set('delete_job', () => ({ data: [], meta: { status: 'job_running', info: 'j' } }));
    expect(await lastValueFrom(ask(page, { ask: 'abort', jobId: 'j' }))).toEqual({ text: 'aborted it' });
    expect(await lastValueFrom(ask(page, { ask: 'clone', jobId: 'j' }))).toEqual({ jobId: 'k' });
    expect(await lastValueFrom(ask(page, { ask: 'download', jobId: 'j' }))).toMatchObject({ path: 'j' });
    await expect(lastValueFrom(ask(page, { ask: 'delete', jobId: 'j' }))).rejects.toMatchObject({
      name: 'FederationFailure',
      code: 'NOT_READY',
      status: 'job_running',
    });
  });

  it('changes nothing where it is read-only, and lets results be read', async () => {
    const { server, page } = await federation({ isReadOnly: true, download: () => NEVER });
    for (const question of ['abort', 'clone', 'delete'] as const)
      await expect(lastValueFrom(ask(page, { ask: question, jobId: 'j' }))).rejects.toMatchObject({
        code: 'REFUSED',
        status: null,
      });
    expect(server.lines).toEqual([]);
  });

  it('refuses whom it does not allow, and questions beyond its limit', async () => {
    const { hub, at, page } = await federation({
      allow: ({ name }) => name === 'page',
      maxQuestions: 1,
      download: () => NEVER,
    });
    const other = await pageAt(hub, at, 'other');
    await expect(firstValueFrom(ask(other, { ask: 'jobs' }))).rejects.toMatchObject({ code: 'REFUSED' });
    const open = ask(page, { ask: 'download', jobId: 'j' }).subscribe();
    await expect(firstValueFrom(ask(page, { ask: 'jobs' }))).rejects.toMatchObject({ code: 'NOT_READY' });
    // What was stopped makes room.
    open.unsubscribe();
    await expect(firstValueFrom(ask(page, { ask: 'jobs' }))).resolves.toMatchObject({ jobs: [] });
  });

  it.each([Number.NaN, 0])('takes no limit of %d questions', async (maxQuestions) => {
    await expect(federation({ maxQuestions })).rejects.toMatchObject({ code: 'BAD_CONFIG' });
  });

  it('asks the server no more for a page that has stopped, or gone', async () => {
    const { server, page, hub, at } = await federation();
    const other = await pageAt(hub, at, 'other');
    server.answers.set('clone_job', () => ok({ job_id: 'k' }));
    const asked: string[] = [];
    server.answers.set('list_jobs', (line) => {
      asked.push(line);
      return ok({ jobs: [] });
    });
    await firstValueFrom(ask(page, { ask: 'jobs' }));
    const gone = lastValueFrom(ask(other, { ask: 'jobs' }));
    await firstValueFrom(ask(other, { ask: 'jobs' }));
    other.removeEndpoint('federation');
    await expect(gone).rejects.toMatchObject({ code: 'CLOSED' });
    // Whatever was on its way has come when this is answered.
    await lastValueFrom(ask(page, { ask: 'abort', jobId: 'j' })).catch(() => undefined);
    asked.splice(0);
    // Each takes longer than the pause between questions.
    for (let round = 0; round < 10; round += 1) await lastValueFrom(ask(page, { ask: 'clone', jobId: 'j' }));
    expect(asked).toEqual([]);
  });

  it.each([
    'no JSON',
    '{}',
    '{"ask":"jobs"}',
    '{"ask":"job","id":1}',
    '{"ask":"job","id":1,"jobId":3}',
    '{"ask":"shutdown","id":1,"jobId":"j"}',
    `{"ask":"jobs","id":1,"more":"${'x'.repeat(5_000)}"}`,
    `{"ask":"jobs","id":1,"more":${'['.repeat(1_000)}}`,
  ])('does not answer to %s', async (text) => {
    const { page } = await federation();
    const first = firstValueFrom(
      page.messages(FEDERATION_APP_ID).pipe(map(({ message }) => textOf(message))),
    );
    page.send('federation', FEDERATION_APP_ID, textMessage(text));
    page.send('federation', FEDERATION_APP_ID, textMessage('{"ask":"abort","id":77,"jobId":"-"}'));
    expect(await first).toContain('"id":77');
  });

  it('says nothing secret', async () => {
    const { server, page } = await federation();
    const seen: string[] = [];
    page.messages(FEDERATION_APP_ID).subscribe(({ message }) => seen.push(textOf(message)));
    server.answers.set('get_job_meta', () => ({
      data: [{ type: 'error', data: 'no' }],
      meta: { status: 'invalid_job_id', info: 'j' },
    }));
    await firstValueFrom(ask(page, { ask: 'system' }));
    await firstValueFrom(ask(page, { ask: 'jobs' }));
    await lastValueFrom(ask(page, { ask: 'job', jobId: 'j' })).catch(() => undefined);
    await lastValueFrom(ask(page, { ask: 'delete', jobId: 'j' })).catch(() => undefined);
    expect(seen.length).toBeGreaterThan(3);
    for (const secret of [CELL_TOKEN, ...ADMIN_TOKEN.split(':')]) expect(seen.join()).not.toContain(secret);
  });
});
