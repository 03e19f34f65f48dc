import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { catchError, last, map, type Observable, of, type OperatorFunction, switchMap } from 'rxjs';

import { FlareError, type FlareSession, type FlareStatus } from '../../lib/flare/index.js';
import { MEMBER } from '../support/deployment.js';

/** One call by `flare_api` and by rxflare, in words that both can be told in. */
export interface FlareRow {
  readonly method: string;
  /** An expression of `session`, `job`, the ID of a job, and `folder`, that of another job. */
  readonly python: string;
  readonly call: (session: FlareSession, given: Given) => Observable<unknown>;
  /** All sites have to be connected. */
  readonly needsSites?: true;
  /** How both fail, as `status`: Python says the same reason. */
  readonly fails?: FlareStatus;
  /** The versions whose server lacks it, where that is so, or whose Python does. */
  readonly lacks?: Readonly<Record<string, string>>;
}

/** What calls are about. */
export interface Given {
  /** The ID of a job. */
  readonly job: string;
  /** The folder of a job, with files. */
  readonly folder: string;
  /** Where results go. */
  readonly results: string;
}

const lacking27 = { '2.7.2': 'the server has no such command' };
const pythonLacks27 = { '2.7.2': 'its Python has no such method' };

/** What changes from call to call, and is no fact of the method. */
const STILL = new Set(['duration']);

function withoutChanges(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutChanges);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([name]) => !STILL.has(name));
  return Object.fromEntries(entries.map(([name, each]) => [name, withoutChanges(each)]));
}

/** Without a job, or with one that has ended. */
export const FLARE_ROWS: readonly FlareRow[] = [
  {
    method: 'getSystemInfo',
    python:
      '[(i := session.get_system_info()).server_info.status, int(i.server_info.start_time * 1000), ' +
      'sorted(c.name for c in i.client_info), len(i.job_info)]',
    call: (session) =>
      session
        .getSystemInfo()
        .pipe(
          map(({ server, clients, jobs }) => [
            server.status,
            server.startTime?.getTime(),
            clients.map(({ name }) => name).sort(),
            jobs.length,
          ]),
        ),
  },
  {
    method: 'getConnectedClientList',
    python: 'sorted(c.name for c in session.get_connected_client_list())',
    call: (session) =>
      session.getConnectedClientList().pipe(map((clients) => clients.map(({ name }) => name).sort())),
  },
  {
    method: 'listJobs',
    python: 'session.list_jobs()',
    call: (session) => session.listJobs().pipe(map((jobs) => jobs.map(({ raw }) => raw))),
  },
  {
    method: 'listJobs with options',
    python:
      'session.list_jobs(detailed=True, reverse=True, limit=1, name_prefix="fedavg", id_prefix=job[:4])',
    call: (session, { job }) =>
      session
        .listJobs({
          detailed: true,
          reverse: true,
          limit: 1,
          namePrefix: 'fedavg',
          idPrefix: job.slice(0, 4),
        })
        .pipe(map((jobs) => jobs.map(({ raw }) => raw))),
  },
  {
    method: 'getJobMeta',
    python: 'session.get_job_meta(job)',
    call: (session, { job }) => session.getJobMeta(job).pipe(map(({ raw }) => raw)),
  },
  {
    method: 'getJobStatus',
    python: 'session.get_job_status(job)',
    call: (session, { job }) => session.getJobStatus(job),
  },
  {
    method: 'listJobComponents',
    python: 'session.list_job_components(job)',
    call: (session, { job }) => session.listJobComponents(job),
    lacks: { '2.7.2': 'its Python fails where there are none' },
  },
  {
    method: 'getJobLogs',
    python: '{"unavailable": {}, **session.get_job_logs(job, "all")}',
    call: (session, { job }) => session.getJobLogs(job, 'all'),
    lacks: pythonLacks27,
  },
  {
    method: 'checkStatus',
    python: 'session.check_status("client")',
    call: (session) => session.checkStatus('client'),
    lacks: pythonLacks27,
  },
  {
    method: 'getClientJobStatus',
    python: 'session.get_client_job_status(["site-1"])',
    call: (session) => session.getClientJobStatus(['site-1']),
  },
  {
    method: 'getClientEnv',
    python: 'session.get_client_env("site-2")',
    call: (session) => session.getClientEnv(['site-2']),
  },
  {
    method: 'reportResources',
    python: 'session.report_resources("all")',
    call: (session) => session.reportResources('all'),
    lacks: { '2.7.2': 'the server takes no `all`' },
  },
  {
    method: 'reportVersion',
    python:
      '{k: v["version"] if isinstance(v, dict) else v for k, v in session.report_version("all").items()}',
    call: (session) => session.reportVersion('all'),
    lacks: lacking27,
  },
  {
    method: 'waitForJob',
    python: 'session.wait_for_job(job)',
    call: (session, { job }) => session.waitForJob(job).pipe(map(({ raw }) => raw)),
    lacks: pythonLacks27,
  },
  {
    method: 'monitorJob',
    python: '[session.monitor_job(job).name, session.monitor_job_and_return_job_meta(job)[1]]',
    call: (session, { job }) =>
      session.monitorJob(job).pipe(
        last(),
        map(({ raw }) => ['JOB_FINISHED', raw]),
      ),
  },
  {
    method: 'abortJob',
    python: 'session.abort_job(job)',
    call: (session, { job }) => session.abortJob(job),
  },
  {
    method: 'downloadJobResult',
    python:
      'sorted(str(p.relative_to(r)) for r in [pathlib.Path(session.download_job_result(job))] for p in r.rglob("*"))',
    call: (session, { job, results }) =>
      session
        .downloadJobResult(job, results)
        .pipe(switchMap(async (folder) => (await readdir(folder, { recursive: true })).sort())),
  },
  {
    method: 'downloadJobComponents',
    python: 'session.download_job_components(job)',
    call: (session, { job, results }) => session.downloadJobComponents(job, join(results, 'components')),
    fails: 'no_job_components',
  },
  {
    method: 'configureSiteLog',
    python: 'session.configure_site_log("INFO")',
    call: (session) => session.configureSiteLog('INFO'),
    lacks: pythonLacks27,
  },
  {
    method: 'doCommand',
    python: 'session.do_command("list_jobs -n fedavg")["meta"]',
    call: (session) => session.doCommand(['list_jobs', '-n', 'fedavg']).pipe(map(({ meta }) => meta)),
  },
  {
    method: 'lsTarget',
    python: 'session.ls_target("server", "-a", "startup")',
    call: (s) => s.lsTarget('server', '-a', 'startup'),
  },
  {
    method: 'catTarget',
    python: 'session.cat_target("site-1", file="startup/fed_client.json")',
    call: (session) => session.catTarget('site-1', 'startup/fed_client.json'),
  },
  {
    method: 'headTarget',
    python: 'session.head_target("server", "-n 3", "startup/fed_server.json")',
    call: (session) => session.headTarget('server', 'startup/fed_server.json', '-n 3'),
  },
  {
    method: 'tailTarget',
    python: 'session.tail_target("site-2", "-c 20", "startup/fed_client.json")',
    call: (session) => session.tailTarget('site-2', 'startup/fed_client.json', '-c 20'),
  },
  {
    method: 'tailTargetLog',
    python: 'len(session.tail_target_log("site-2", "-n 5").splitlines())',
    call: (session) =>
      session.tailTargetLog('site-2', '-n 5').pipe(map((log) => log.trimEnd().split('\n').length)),
  },
  {
    method: 'headTargetLog',
    python: 'session.head_target_log("site-1")',
    call: (s) => s.headTargetLog('site-1'),
  },
  {
    method: 'grepTarget',
    python: 'session.grep_target("server", "-n", "Server started", "log.txt")',
    call: (session) => session.grepTarget('server', 'Server started', 'log.txt', '-n'),
  },
  {
    method: 'getWorkingDirectory',
    python: 'session.get_working_directory("site-1").strip()',
    call: (session) => session.getWorkingDirectory('site-1'),
  },
  {
    method: 'registerStudy',
    python: 'session.register_study("of-python", site_orgs=["nvidia:site-1"])',
    call: (session) => session.registerStudy(STUDY, { siteOrgs: ['nvidia:site-1'] }),
    lacks: lacking27,
  },
  {
    method: 'addStudySite',
    python: 'session.add_study_site("of-python", site_orgs=["nvidia:site-2"])',
    call: (session) => session.addStudySite(STUDY, { siteOrgs: ['nvidia:site-2'] }),
    lacks: lacking27,
  },
  {
    method: 'addStudyUser',
    python: `session.add_study_user("of-python", "${MEMBER}")`,
    call: (session) => session.addStudyUser(STUDY, MEMBER),
    lacks: lacking27,
  },
  {
    method: 'showStudy',
    python: 'session.show_study("of-python")',
    call: (session) => session.showStudy(STUDY),
    lacks: lacking27,
  },
  {
    method: 'listStudies',
    python: 'session.list_studies()',
    call: (session) => session.listStudies(),
    lacks: lacking27,
  },
  {
    method: 'removeStudyUser',
    python: `session.remove_study_user("of-python", "${MEMBER}")`,
    call: (session) => session.removeStudyUser(STUDY, MEMBER),
    lacks: lacking27,
  },
  {
    method: 'removeStudySite',
    python: 'session.remove_study_site("of-python", site_orgs=["nvidia:site-2"])',
    call: (session) => session.removeStudySite(STUDY, { siteOrgs: ['nvidia:site-2'] }),
    lacks: lacking27,
  },
  {
    method: 'removeStudy',
    python: 'session.remove_study("of-python")',
    call: (session) => session.removeStudy(STUDY),
    lacks: lacking27,
  },
  {
    method: 'submitJob',
    python: 'submitted(session.submit_job(folder))',
    call: (session, { folder }) => session.submitJob(folder).pipe(submitted(session)),
  },
  {
    method: 'cloneJob',
    python: 'submitted(session.clone_job(job))',
    call: (session, { job }) => session.cloneJob(job).pipe(submitted(session)),
  },
];

/** The names of the studies that both make, which have to differ. */
const STUDY = 'of-rxflare';
const THEIRS = /of-python/g;

/** What is said of a new job, which is taken off the queue. */
function submitted(session: FlareSession): OperatorFunction<string, unknown> {
  return switchMap((job) =>
    session.getJobMeta(job).pipe(
      switchMap(({ name, submitterName }) =>
        session.abortJob(job).pipe(
          switchMap(() => session.waitForJob(job)),
          map(() => [name, submitterName]),
        ),
      ),
    ),
  );
}

/** The same, and what rows need besides. */
export const PYTHON_HELPERS = `
import inspect
import json
import pathlib

from nvflare.fuel.flare_api.api_spec import JobNotFound

def submitted(id):
    meta = session.get_job_meta(id)
    session.abort_job(id)
    session.monitor_job(id, poll_interval=0.2)
    return [meta["name"], meta["submitter_name"]]

def gone(delete, id):
    delete(id)
    try:
        session.get_job_meta(id)
    except JobNotFound:
        return True

# That of 2.7 does not wait.
patience = {"timeout": 120} if "timeout" in inspect.signature(session.restart).parameters else {}

def other(reply):
    return json.loads(json.dumps(reply).replace("site-2", "site-1"))
`;

/** Of a job that runs, after {@link FLARE_ROWS}, which have left jobs that were aborted. */
export const RUNNING_ROWS: readonly FlareRow[] = [
  {
    method: 'deleteJob',
    python:
      'gone(lambda id: session.delete_job(id), [j["job_id"] for j in session.list_jobs() if j["status"] == "FINISHED:ABORTED"][0])',
    call: (session) =>
      session.listJobs().pipe(
        map((jobs) => jobs.find(({ status }) => status === 'FINISHED:ABORTED')?.jobId ?? ''),
        switchMap((job) => session.deleteJob(job).pipe(switchMap(() => session.getJobMeta(job)))),
        catchError((error: unknown) => of(error instanceof FlareError && error.status === 'invalid_job_id')),
      ),
  },
  {
    method: 'showStats',
    python: '{k: sorted(v) for k, v in session.show_stats(job, "all").items()}',
    call: (session, { job }) =>
      session
        .showStats(job, 'all')
        .pipe(
          map((stats) =>
            Object.fromEntries(
              Object.entries(stats).map(([site, each]) => [site, Object.keys(each as object).sort()]),
            ),
          ),
        ),
  },
  {
    method: 'showErrors',
    python: 'session.show_errors(job, "server")',
    call: (session, { job }) => session.showErrors(job, 'server'),
  },
  {
    method: 'resetErrors',
    python: 'session.reset_errors(job)',
    call: (session, { job }) => session.resetErrors(job),
  },
  {
    method: 'doAppCommand',
    python: 'session.do_app_command(job, "topic", {"a": 1})',
    call: (session, { job }) => session.doAppCommand(job, 'topic', { a: 1 }),
    fails: 'error',
  },
  {
    method: 'configureJobLog',
    python: 'session.configure_job_log(job, "INFO")',
    call: (session, { job }) => session.configureJobLog(job, 'INFO').pipe(map(() => null)),
    lacks: pythonLacks27,
  },
];

/**
 * Of sites that come back: Python does it to `site-2` while rxflare does it to `site-1`, and `other` tells of it as if it had been the
 * same.
 */
export const SITE_ROWS: readonly FlareRow[] = [
  {
    method: 'removeClient',
    needsSites: true,
    python: 'session.remove_client("site-2")',
    call: (session) => session.removeClient('site-1'),
    lacks: pythonLacks27,
  },
  {
    method: 'disableClient',
    needsSites: true,
    python: 'other(session.disable_client("site-2"))',
    call: (session) => session.disableClient('site-1'),
    lacks: lacking27,
  },
  {
    method: 'enableClient',
    python: 'other(session.enable_client("site-2"))',
    call: (session) => session.enableClient('site-1'),
    lacks: lacking27,
  },
];

/** In the same way: of sites that were started by their scripts. */
export const RESTART_ROW: FlareRow = {
  method: 'restart',
  needsSites: true,
  python: 'other(session.restart("client", ["site-2"], **patience))',
  call: (session) => session.restart('client', { clients: ['site-1'], waitMs: 120_000 }),
};

/** In the same way. */
export const SHUTDOWN_ROW: FlareRow = {
  method: 'shutdown',
  needsSites: true,
  python: 'other(session.shutdown("client", ["site-2"], **patience))',
  call: (session) => session.shutdown('client', { clients: ['site-1'], waitMs: 120_000 }),
  lacks: { '2.7.2': 'its Python says nothing' },
};

/** The methods of Python's `Session` that no row calls, and why. */
export const WITHOUT_ROW: Readonly<Record<string, string>> = {
  close: 'ends the session that all rows use',
  get_available_apps_to_upload: 'lists a folder: it asks the server nothing',
  set_timeout: 'sets a field: it asks the server nothing',
  shutdown_system: 'a system ends once: by rxflare',
  try_connect: 'connectSession is that',
  unset_timeout: 'sets a field: it asks the server nothing',
};

/** What both said, without what changes from call to call. */
export function comparable(value: unknown): unknown {
  return withoutChanges(JSON.parse(JSON.stringify(value ?? null).replace(THEIRS, STUDY)));
}
