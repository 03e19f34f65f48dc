import { X509Certificate } from 'node:crypto';

import {
  catchError,
  firstValueFrom,
  lastValueFrom,
  map,
  Observable,
  of,
  take,
  toArray,
  VirtualTimeScheduler,
} from 'rxjs';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';

import { Cell } from '../../lib/cellnet/index.js';
import { Mode } from '../../lib/index.js';
import { connectSession, type FlareSession, type SessionOptions } from '../../lib/flare/index.js';
import { communicator, stopAll } from '../support/communicators.js';
import { FakeFlareServer, type FakeOptions, type FakeReply } from '../support/fake-flare-server.js';
import { flareProject, userKit } from '../support/flare-project.js';

afterEach(stopAll);

async function connect(fake: FakeOptions = {}, options?: SessionOptions) {
  const server = await FakeFlareServer.start(fake);
  const session = await connectSession(await userKit(server.port), options);
  onTestFinished(() => session.close());
  return { server, session };
}

const ok = (meta: object = {}, data: readonly object[] = []): FakeReply => ({
  data,
  meta: { status: 'ok', info: '', ...meta },
});
const dict = (data: object): FakeReply => ok({}, [{ type: 'dict', data }]);
const text = (...data: string[]): FakeReply => ({
  data: data.map((each) => ({ type: 'string', data: each })),
});

type Call = (session: FlareSession) => Observable<unknown>;

/** What each method sends, what it gets, and what it makes of that. */
const CALLS: readonly (readonly [string, Call, FakeReply, unknown])[] = [
  [
    'check_status server',
    (session) => session.getSystemInfo(),
    ok({
      server_status: 'started',
      server_start_time: 1.5,
      clients: [{ client_name: 'site-1', client_last_conn_time: 2, fqcn: 'site-1' }],
      jobs: [{ job_id: 'j', app_name: 'app' }],
    }),
    {
      server: { status: 'started', startTime: new Date(1_500) },
      clients: [{ name: 'site-1', lastConnectTime: new Date(2_000), fqcn: 'site-1' }],
      jobs: [{ jobId: 'j', appName: 'app' }],
    },
  ],
  [
    'check_status server',
    (session) => session.getConnectedClientList(),
    ok({ server_status: 'stopped', server_start_time: null, jobs: [] }),
    [],
  ],
  ['list_jobs', (session) => session.listJobs(), ok({ jobs: [] }), []],
  [
    'list_jobs -d -r -m 3 -n "a b" 2d --submit-token t',
    (session) =>
      session.listJobs({
        detailed: true,
        reverse: true,
        limit: 3,
        namePrefix: 'a b',
        idPrefix: '2d',
        submitToken: 't',
      }),
    ok({}),
    [],
  ],
  [
    'get_job_meta j',
    (session) => session.getJobStatus('j'),
    ok({ job_meta: { job_id: 'j', status: 'RUNNING' } }),
    'RUNNING',
  ],
  ['clone_job j', (session) => session.cloneJob('j'), ok({ job_id: 'k' }), 'k'],
  ['abort_job j', (session) => session.abortJob('j'), ok({ info: 'done' }), 'done'],
  [
    'delete_job j',
    (session) => session.deleteJob('j'),
    ok({ submit_records_marked_deleted: 2 }),
    { jobId: 'j', submitRecordsMarkedDeleted: 2 },
  ],
  ['list_job j', (session) => session.listJobComponents('j'), { meta: { status: 'no_job_compoents' } }, []],
  ['list_job j', (session) => session.listJobComponents('j'), ok({ job_components: ['E'] }), ['E']],
  [
    'get_job_log j all',
    (session) => session.getJobLogs('j', 'all'),
    dict({ logs: { server: 'a' }, unavailable: { 'site-1': 'b' } }),
    { logs: { server: 'a' }, unavailable: { 'site-1': 'b' } },
  ],
  ['get_job_log j server', (session) => session.getJobLog('j'), dict({ logs: { server: 'a\n' } }), 'a\n'],
  ['get_job_log j constructor', (session) => session.getJobLog('j', 'constructor'), dict({ logs: {} }), ''],
  ['get_job_log j site-1', (session) => session.getClientJobLog('j', 'site-1'), dict({ logs: {} }), ''],
  ['configure_job_log j all DEBUG', (session) => session.configureJobLog('j', 'DEBUG'), ok(), undefined],
  [
    String.raw`configure_job_log j client site-1 "{\"version\":1}"`,
    (session) => session.configureJobLog('j', { version: 1 }, 'site-1'),
    ok(),
    undefined,
  ],
  [
    'configure_site_log client a INFO',
    (session) => session.configureSiteLog('INFO', 'a'),
    text('ok'),
    undefined,
  ],
  ['configure_site_log all INFO', (session) => session.configureSiteLog('INFO'), text('ok'), undefined],
  [
    'check_status client a b',
    (session) => session.checkStatus('client', ['a', 'b']),
    { meta: { a: 1 } },
    { a: 1 },
  ],
  ['check_status client', (session) => session.getClientJobStatus(), ok({ client_status: [{}] }), [{}]],
  [
    'report_env site-1',
    (session) => session.getClientEnv(['site-1']),
    { meta: { clients: [{ a: 1 }] } },
    [{ a: 1 }],
  ],
  [
    'report_resources all',
    (session) => session.reportResources('all'),
    {
      data: [
        {
          type: 'table',
          rows: [
            ['SITES', 'RESOURCES'],
            ['server', 'unlimited'],
          ],
        },
      ],
    },
    { server: 'unlimited' },
  ],
  [
    'report_version all',
    (session) => session.reportVersion('all'),
    dict({ server: { version: '2.9.0' }, 'site-1': '2.8.0', 'site-2': {} }),
    { server: '2.9.0', 'site-1': '2.8.0' },
  ],
  [
    'show_stats j server',
    (session) => session.showStats('j', 'server'),
    dict({ server: {} }),
    { server: {} },
  ],
  ['show_errors j client a', (session) => session.showErrors('j', 'client', ['a']), dict({}), {}],
  ['reset_errors j all', (session) => session.resetErrors('j'), text('ok'), undefined],
  ['app_command j t', (session) => session.doAppCommand('j', 't', { a: 1 }), dict({ b: 2 }), { b: 2 }],
  ['remove_client a', (session) => session.removeClient('a'), ok(), undefined],
  ['disable_client a', (session) => session.disableClient('a'), dict({ clients: [] }), { clients: [] }],
  ['enable_client a', (session) => session.enableClient('a'), dict({ clients: [] }), { clients: [] }],
  ['ls server', (session) => session.lsTarget('server'), text('a\n'), 'a\n'],
  ['ls server -l startup', (session) => session.lsTarget('server', '-l', 'startup'), text('a', 'b'), 'ab'],
  ['cat site-1 -n log.txt', (session) => session.catTarget('site-1', 'log.txt', '-n'), text('x'), 'x'],
  ['head server log.txt', (session) => session.headTargetLog('server'), text('x'), 'x'],
  ['tail server "-n 3" log.txt', (session) => session.tailTargetLog('server', '-n 3'), text('x'), 'x'],
  ['grep server "a b" log.txt', (session) => session.grepTarget('server', 'a b', 'log.txt'), text('x'), 'x'],
  ['pwd server', (session) => session.getWorkingDirectory('server'), text('/opt\n'), '/opt'],
  [
    'register_study s --sites a,b',
    (session) => session.registerStudy('s', { sites: ['a', 'b'] }),
    dict({ study: 's' }),
    { study: 's' },
  ],
  [
    'add_study_site s --site-org o:a --site-org p:b',
    (session) => session.addStudySite('s', { siteOrgs: ['o:a', 'p:b'] }),
    dict({}),
    {},
  ],
  [
    'remove_study_site s --sites a',
    (session) => session.removeStudySite('s', { sites: ['a'] }),
    dict({}),
    {},
  ],
  ['remove_study s', (session) => session.removeStudy('s'), dict({}), {}],
  ['list_studies', (session) => session.listStudies(), dict({ studies: [] }), { studies: [] }],
  ['show_study s', (session) => session.showStudy('s'), dict({}), {}],
  ['add_study_user s u@v', (session) => session.addStudyUser('s', 'u@v'), dict({}), {}],
  ['remove_study_user s u@v', (session) => session.removeStudyUser('s', 'u@v'), dict({}), {}],
  [
    'restart client a',
    (session) => session.restart('client', { clients: ['a'], waitMs: 0 }),
    ok({ a: 1 }),
    { status: 'ok', info: '', a: 1 },
  ],
  [
    'shutdown client',
    (session) => session.shutdown('client', { waitMs: 0 }),
    ok(),
    { status: 'ok', info: '' },
  ],
];

/** A refusal, as a server sends it, and what a program can tell it by. */
const REFUSALS: readonly (readonly [string, FakeReply | undefined, string, string])[] = [
  [
    'a status',
    { data: [], meta: { status: 'not_authorized', info: 'no right' } },
    'not_authorized',
    'REFUSED',
  ],
  ['no session', { meta: { status: 'not_authenticated', info: '' } }, 'not_authenticated', 'REFUSED'],
  ['bad syntax', { meta: { status: 'syntax_error', info: 'usage' } }, 'syntax_error', 'BAD_CONFIG'],
  ['no such job', { meta: { status: 'invalid_job_id', info: 'j' } }, 'invalid_job_id', 'BAD_CONFIG'],
  ['a bad job', { meta: { status: 'invalid_job_def', info: 'x' } }, 'invalid_job_def', 'BAD_CONFIG'],
  ['a job that runs', { meta: { status: 'job_running', info: 'j' } }, 'job_running', 'NOT_READY'],
  ['a job that does not', { meta: { status: 'job_not_running', info: 'j' } }, 'job_not_running', 'NOT_READY'],
  ['sites that run', { meta: { status: 'clients_running', info: '' } }, 'clients_running', 'NOT_READY'],
  ['no reply of sites', { meta: { status: 'no_reply', info: '' } }, 'no_reply', 'TIMEOUT'],
  ['a target', { meta: { status: 'invalid_target', info: 'nosite' } }, 'invalid_target', 'BAD_CONFIG'],
  [
    'no site',
    { meta: { status: 'invalid_target', info: 'no clients available' } },
    'no_clients',
    'NOT_READY',
  ],
  [
    'a token in use',
    { meta: { status: 'submit_token_conflict', info: '', job_id: 'k' } },
    'submit_token_conflict',
    'REFUSED',
  ],
  ['an unknown status', { meta: { status: 'new_in_2.10', info: 'x' } }, 'error', 'ERROR'],
  ['an error of the server', { meta: { status: 'internal_error', info: 'x' } }, 'internal_error', 'ERROR'],
  [
    'a text',
    { data: [{ type: 'error', data: 'This action is not authorized' }] },
    'not_authorized',
    'REFUSED',
  ],
  [
    'a text beside ok',
    { data: [{ type: 'error', data: 'no such job: x' }], meta: { status: 'ok' } },
    'invalid_job_id',
    'BAD_CONFIG',
  ],
  [
    'a text beside error',
    { data: [{ type: 'error', data: 'invalid client(s): a' }], meta: { status: 'error', info: '' } },
    'invalid_target',
    'BAD_CONFIG',
  ],
  [
    'an unknown command',
    { data: [{ type: 'error', data: 'undefined command list_jobs\n' }] },
    'not_supported',
    'NOT_SUPPORTED',
  ],
  ['a text that says no more', { data: [{ type: 'error', data: 'oops' }] }, 'error', 'ERROR'],
  ['an empty success', undefined, 'bad_reply', 'BAD_DATA'],
  ['no list of jobs', { meta: { status: 'ok', jobs: {} } }, 'bad_reply', 'BAD_DATA'],
  ['jobs that are none', { meta: { status: 'ok', jobs: [{}] } }, 'bad_reply', 'BAD_DATA'],
];

describe('a session', () => {
  it('sends each command, and reads what comes', async () => {
    const { server, session } = await connect();
    for (const [line, call, reply, expected] of CALLS) {
      server.answers.set(line.split(' ')[0] ?? '', () => reply);
      expect([line, await firstValueFrom(call(session))]).toEqual([line, expected]);
    }
    expect(server.lines).toEqual(CALLS.map(([line]) => line));
  });

  it('tells each refusal by its status, and says what to do', async () => {
    const { server, session } = await connect();
    for (const [what, reply, status, code] of REFUSALS) {
      server.answers.set('list_jobs', () => reply);
      const error: unknown = await firstValueFrom(session.listJobs()).catch((error: unknown) => error);
      expect([what, error]).toEqual([what, expect.objectContaining({ name: 'FlareError', status, code })]);
      expect(String(error)).toMatch(/^FlareError: list_jobs: /);
    }
  });

  it('repeats what the server said, on one line', async () => {
    const { server, session } = await connect();
    server.answers.set('abort_job', () => ({
      meta: { status: 'invalid_job_id', info: 'no\njob \u001b[31m', job_id: 'k' },
    }));
    await expect(firstValueFrom(session.abortJob('j'))).rejects.toMatchObject({
      message: String.raw`abort_job: the server answered invalid_job_id, "no\njob \u001b[31m": listJobs lists the jobs of the study that this session has logged in to`,
      reason: 'no\njob \u001b[31m',
      jobId: 'k',
    });
  });

  it('says the errors of studies, which come with success', async () => {
    const { server, session } = await connect();
    server.answers.set('show_study', () =>
      dict({ error_code: 'STUDY_NOT_FOUND', message: 'Not found.', hint: 'Look.' }),
    );
    const error = {
      status: 'error',
      reason: 'STUDY_NOT_FOUND',
      message: 'the server answered Not found. Look.',
    };
    await expect(firstValueFrom(session.showStudy('x'))).rejects.toMatchObject(error);
  });

  it.each<[string, Call, FakeReply, string]>([
    [
      'a site that cannot log so',
      (session) => session.configureSiteLog('a'),
      {
        data: [
          {
            type: 'table',
            rows: [
              ['CLIENT', 'RESPONSE'],
              ['site-1', 'ValueError: Invalid logging level: a'],
            ],
          },
        ],
      },
      'bad_argument',
    ],
    [
      'a server that tells how it is asked',
      (session) => session.reportResources('all'),
      text('invalid target type all. Usage: sys_info server|client'),
      'bad_reply',
    ],
  ])('takes no success for one of %s', async (_what, call, reply, status) => {
    const { server, session } = await connect();
    for (const name of ['configure_site_log', 'report_resources']) server.answers.set(name, () => reply);
    await expect(firstValueFrom(call(session))).rejects.toMatchObject({ status });
  });

  it.each<[string, Call]>([
    ['an empty ID', (session) => session.getJobMeta('')],
    ['an ID that is an option', (session) => session.abortJob('-a')],
    ['a control character', (session) => session.doCommand(['list_jobs', 'a\nb'])],
    ['a target type', (session) => session.showStats('j', 'site-1' as 'client')],
    ['the name of a site', (session) => session.lsTarget('site 1')],
    ['a limit', (session) => session.listJobs({ limit: -1 })],
    ['sites and organisations', (session) => session.registerStudy('s', { sites: ['a'], siteOrgs: ['b'] })],
    ['a study without sites', (session) => session.registerStudy('s', {})],
  ])('refuses %s, and sends nothing', async (_what, call) => {
    const { server, session } = await connect();
    await expect(firstValueFrom(call(session))).rejects.toMatchObject({
      status: 'bad_argument',
      code: 'BAD_CONFIG',
    });
    expect(server.lines).toEqual([]);
  });

  it('says which version of a server lacks a command, and sends nothing', async () => {
    const { server, session } = await connect({ commands: ['list_jobs'], version: undefined });
    expect(session.serverVersion).toBe('2.7');
    await expect(firstValueFrom(session.disableClient('a'))).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      message: 'the server has no disable_client: it is of NVFlare 2.7',
    });
    await firstValueFrom(session.listJobs());
    expect(server.lines).toEqual(['list_jobs']);
  });

  it('waits for sites as long as it was told to', async () => {
    const { server, session } = await connect({}, { commandTimeoutMs: 3_000 });
    const seen: unknown[] = [];
    server.answers.set('list_jobs', (_line, { meta }) => {
      seen.push(meta.cmd_timeout);
      return ok({ jobs: [] });
    });
    await firstValueFrom(session.listJobs());
    session.setTimeout(20_000);
    await firstValueFrom(session.listJobs());
    session.unsetTimeout();
    await firstValueFrom(session.listJobs());
    expect(seen).toEqual([3, 20, 3]);
    expect(() => session.setTimeout(0)).toThrow('expected a time of 1 to');
  });

  it('hides the tokens of sites', async () => {
    const { server, session } = await connect();
    const rows = [
      ['CLIENT', 'TOKEN', 'LEAF'],
      ['site-1', 's3cr3t', 'True'],
    ];
    server.answers.set('check_status', () => ({ data: [{ type: 'table', rows }] }));
    const { data } = await firstValueFrom(session.doCommand(['check_status', 'server']));
    expect(data).toEqual([{ type: 'table', rows: [rows[0], ['site-1', '…', 'True']] }]);
  });

  it('ends when the server says so', async () => {
    const { server, session } = await connect();
    const states$ = session.state$.pipe(
      map(({ type }) => type),
      toArray(),
    );
    const states = firstValueFrom(states$);
    const jobs = lastValueFrom(session.jobs$);
    const said = [
      { type: 'error', data: 'session_inactive' },
      { type: 'string', data: 'idle for 1800 seconds' },
    ];
    server.answers.set('_check_session', () => ({ data: said }));
    server.cell.fire(server.client, 'hci_channel', 'SESSION_EXPIRED', 'idle too long');
    await expect(jobs).rejects.toMatchObject({ status: 'session_ended', reason: 'idle for 1800 seconds' });
    expect(await states).toEqual(['connected', 'ended']);
    await expect(firstValueFrom(session.listJobs())).rejects.toMatchObject({ status: 'session_ended' });
  });

  it('reads times that no date can have, and objects in place of texts', async () => {
    const { server, session } = await connect();
    const noText = { toString: 1 };
    server.answers.set('check_status', () => ok({ server_status: 'started', server_start_time: 1e300 }));
    const { server: state } = await firstValueFrom(session.getSystemInfo());
    expect(state).toEqual({ status: 'started', startTime: undefined });
    const job = { job_id: 'j', status: 'RUNNING', submit_time: 1e300, job_deploy_detail: [noText, 'b', 1] };
    server.answers.set('list_jobs', () => ok({ jobs: [job] }));
    const [listed] = await firstValueFrom(session.listJobs());
    expect(listed).toMatchObject({ submitTime: undefined, deployDetail: ['…', 'b', '1'] });
    const rows = [
      ['SITE', 'RESOURCES'],
      [noText, 'b'],
    ];
    server.answers.set('report_resources', () => ok({}, [{ type: 'table', rows }]));
    expect(await firstValueFrom(session.reportResources('all'))).toEqual({ '…': 'b' });
    server.answers.set('list_job', () => ok({ job_components: [noText] }));
    expect(await firstValueFrom(session.listJobComponents('j'))).toEqual(['…']);
  });

  it.each<[string, Call, FakeReply]>([
    ['delete_job', (session) => session.deleteJob('j'), {}],
    ['list_jobs', (session) => session.listJobs(), {}],
    ['get_job_log', (session) => session.getJobLog('j'), {}],
    ['cat', (session) => session.catTarget('server', 'a'), {}],
    ['report_version', (session) => session.reportVersion('all'), {}],
    ['show_stats', (session) => session.showStats('j', 'server'), {}],
    ['clone_job', (session) => session.cloneJob('j'), ok({ job_id: '' })],
  ])('takes an answer of nothing to %s for a bad reply', async (command, call, reply) => {
    const { server, session } = await connect();
    server.answers.set(command, () => reply);
    await expect(firstValueFrom(call(session))).rejects.toMatchObject({ status: 'bad_reply' });
  });

  it('goes on when a stranger says in the name of the server that it has ended', async () => {
    const { server, session } = await connect();
    const checked = firstValueFrom(
      new Observable<void>((asked) => {
        server.answers.set('_check_session', () => {
          asked.next();
          return text('OK');
        });
      }),
    );
    const states = lastValueFrom(session.state$.pipe(toArray()));
    server.cell.fire(server.client, 'hci_channel', 'SESSION_EXPIRED', 'call this number');
    await checked;
    server.answers.set('list_jobs', () => ok({ jobs: [] }));
    expect(await firstValueFrom(session.listJobs())).toEqual([]);
    await session.close();
    expect(await states).toEqual([{ type: 'connected' }, { type: 'ended' }]);
  });

  it('does not ask the server because of what comes from another cell', async () => {
    const { server, session } = await connect();
    const site = communicator('site-1');
    site.addConnector(`tcp://127.0.0.1:${server.port}`, Mode.ACTIVE);
    const cell = new Cell(site);
    await site.start();
    await firstValueFrom(site.ready('server'));
    const checks: string[] = [];
    server.answers.set('_check_session', (line) => {
      checks.push(line);
      return text('OK');
    });
    // The server passes messages on in order, so what the first has caused is there when the second is answered.
    cell.fire(server.client, 'hci_channel', 'SESSION_EXPIRED', 'call this number');
    await firstValueFrom(
      cell.request(server.client, 'cellnet.channel', 'ping').pipe(catchError(() => of(0))),
    );
    server.answers.set('list_jobs', () => ok({ jobs: [] }));
    await firstValueFrom(session.listJobs());
    expect(checks).toEqual([]);
  });

  it('ends when the server knows it no more', async () => {
    const { server, session } = await connect();
    server.answers.set('list_jobs', () => ({ data: [{ type: 'error', data: 'session_inactive' }] }));
    await expect(firstValueFrom(session.listJobs())).rejects.toMatchObject({ status: 'session_ended' });
    await expect(lastValueFrom(session.state$)).resolves.toMatchObject({
      type: 'ended',
      error: { code: 'CLOSED' },
    });
  });

  it('completes its streams when it is closed', async () => {
    const { server, session } = await connect();
    server.answers.set('list_jobs', () => ok({ jobs: [{ job_id: 'j', status: 'RUNNING' }] }));
    const seen = firstValueFrom(
      session.jobs$.pipe(
        map((jobs) => jobs.length),
        toArray(),
      ),
    );
    await firstValueFrom(session.jobs$);
    await session.close();
    expect(await seen).toEqual([1]);
  });

  it('asks once for all who watch, and not at all for none', async () => {
    const { server, session } = await connect({}, { pollMs: 1, idlePollMs: 1 });
    let count = 0;
    server.answers.set('get_job_meta', () => {
      count += 1;
      return ok({ job_meta: { job_id: 'j', status: count < 3 ? 'RUNNING' : 'FINISHED:COMPLETED' } });
    });
    const watched = () => lastValueFrom(session.job('j').status$.pipe(toArray()));
    const all = await Promise.all([
      watched(),
      watched(),
      lastValueFrom(session.monitorJob('j').pipe(take(9))),
    ]);
    expect(all.slice(0, 2)).toEqual([
      ['RUNNING', 'FINISHED:COMPLETED'],
      ['RUNNING', 'FINISHED:COMPLETED'],
    ]);
    expect(count).toBe(3);
  });

  it('gives the log of a job as it grows, to its end', async () => {
    const { server, session } = await connect({}, { pollMs: 1, idlePollMs: 1 });
    const logs = ['a\n', 'a\n', 'a\nb\n', '', 'c\n', 'c\nd\n'];
    let count = 0;
    server.answers.set('get_job_meta', () =>
      ok({ job_meta: { job_id: 'j', status: count < logs.length - 1 ? 'RUNNING' : 'FINISHED:ABORTED' } }),
    );
    server.answers.set('get_job_log', () => dict({ logs: { server: logs[count++] ?? '' } }));
    expect(await lastValueFrom(session.job('j').log$.pipe(toArray()))).toEqual(['a\n', 'b\n', 'c\n', 'd\n']);
  });

  it('gives up waiting for a job in time', async () => {
    const { server, session } = await connect();
    server.answers.set('get_job_meta', () => ok({ job_meta: { job_id: 'j', status: 'RUNNING' } }));
    await expect(firstValueFrom(session.waitForJob('j', { timeoutMs: 1 }))).rejects.toMatchObject({
      status: 'timed_out',
    });
  });

  it('refuses what it would otherwise ignore, or take for no time at all', async () => {
    const { server, session } = await connect();
    const before = server.lines.length;
    const refused: readonly Observable<unknown>[] = [
      session.monitorJob('j', { timeoutMs: Infinity }),
      session.waitForJob('j', { timeoutMs: 30 * 24 * 3_600_000 }),
      session.restart('client', { waitMs: Infinity }),
      session.restart('all', { clients: ['site-1'] }),
      session.shutdown('all', { clients: ['site-1'] }),
      session.shutdown('server', { waitMs: -1 }),
      session.showStats('j', 'server', ['site-1']),
    ];
    for (const each$ of refused)
      await expect(lastValueFrom(each$)).rejects.toMatchObject({ status: 'bad_argument' });
    expect(() => session.setTimeout(Infinity)).toThrow('2147483647');
    expect(server.lines.length).toBe(before);
  });

  it('waits until what it restarts is back', async () => {
    const { server, session } = await connect({}, { pollMs: 1, idlePollMs: 1 });
    const site = (name: string, time: number) => ({ client_name: name, client_last_conn_time: time });
    const answers = [
      ok({ server_status: 'stopped', server_start_time: 1, clients: [site('a', 1), site('b', 1)] }),
      ok({ server_status: 'stopped', server_start_time: 1, clients: [site('a', 1), site('b', 2)] }),
      ok({ server_status: 'stopped', server_start_time: 2, clients: [site('b', 2)] }),
      ok({ server_status: 'stopped', server_start_time: 2, clients: [site('a', 2), site('b', 2)] }),
    ];
    const asked = async (
      target: 'server' | 'client' | 'all',
      clients?: readonly string[],
    ): Promise<number> => {
      let count = 0;
      server.answers.set('check_status', () => answers[Math.min(count++, answers.length - 1)]);
      await firstValueFrom(session.restart(target, clients === undefined ? {} : { clients }));
      return count;
    };
    expect(await asked('client', ['b'])).toBe(2);
    expect(await asked('server')).toBe(3);
    expect(await asked('all')).toBe(4);
    server.answers.set('check_status', () => answers[0]);
    const late$ = session.restart('client', { waitMs: 1 });
    await expect(firstValueFrom(late$)).rejects.toMatchObject({ status: 'timed_out' });
  });

  it('waits until the sites are gone that it shuts down', async () => {
    const { server, session } = await connect({}, { pollMs: 1, idlePollMs: 1 });
    let clients = [{ client_name: 'a' }, { client_name: 'b' }];
    server.answers.set('check_status', () => {
      const reply = ok({ server_status: 'stopped', clients });
      clients = clients.slice(1);
      return reply;
    });
    await firstValueFrom(session.shutdown('client', { clients: ['a'] }));
    expect(clients).toEqual([]);
  });

  it('is closed once the server is down that it shuts down', async () => {
    const { server, session } = await connect();
    const down = firstValueFrom(session.shutdown('server'));
    const { communicator } = server;
    server.answers.set('shutdown', () => {
      queueMicrotask(() => void communicator.stop()); // Once it has answered.
      return ok({ a: 1 });
    });
    expect(await down).toMatchObject({ a: 1 });
    expect(await lastValueFrom(session.state$)).toEqual({ type: 'ended' });
  });

  it('ends with the certificate of its user', async () => {
    const { user } = await flareProject();
    const end = Date.parse(new X509Certificate(user.cert).validTo);
    // No timer takes so long at once.
    const begin = end - 60 * 24 * 60 * 60 * 1_000;
    const scheduler = new (class extends VirtualTimeScheduler {
      override now = (): number => begin + this.frame;
    })();
    const server = await FakeFlareServer.start();
    const session = await connectSession(await userKit(server.port), { scheduler });
    onTestFinished(() => session.close());
    scheduler.maxFrames = end - begin - 1;
    scheduler.flush();
    expect(await firstValueFrom(session.state$)).toEqual({ type: 'connected' });
    scheduler.maxFrames = end - begin;
    scheduler.flush();
    await expect(lastValueFrom(session.jobs$)).rejects.toMatchObject({ status: 'certificate_expired' });
    await expect(lastValueFrom(session.state$)).resolves.toMatchObject({ error: { code: 'BAD_CONFIG' } });
  });
});
