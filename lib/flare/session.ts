import { catchError, defer, filter, map, type Observable, of, type OperatorFunction } from 'rxjs';

import { argument, commandLine } from './command-line.js';
import { type CommandReply, dictIn, wordOf } from './command-reply.js';
import { isFinished, jobIn, type JobMeta, jobsIn, type JobStatus } from './described-job.js';
import {
  type Download,
  type DownloadOptions,
  type DownloadProgress,
  downloadResult,
} from './download-result.js';
import { FlareError, FlareStatus } from './flare-error.js';
import type { JobSource } from './job-folder.js';
import { Polls } from './polled.js';
import {
  configuredIn,
  type DeletedJob,
  deletedIn,
  type Facts,
  type JobLogs,
  listIn,
  logsIn,
  metaText,
  newJobId,
  resourcesIn,
  shellTextIn,
  studyIn,
  textFor,
  versionsIn,
} from './reported.js';
import {
  type ListJobsOptions,
  listJobsWords,
  logTarget,
  type MonitorOptions,
  siteName,
  type StudySites,
  studyWords,
  type TargetOptions,
  type TargetType,
  targetWords,
  timeArgument,
} from './session-arguments.js';
import { logsByShell } from './shell-logs.js';
import type { CommandOptions, SessionCore, SessionState } from './session-core.js';
import type { SessionOptions } from './session-options.js';
import { inTime, restarted, shutDown } from './state-changes.js';
import { submitJob, type SubmitOptions, type SubmitProgress } from './submit-job.js';
import { type ClientInfo, type SystemInfo, systemInfoIn } from './system-info.js';
import { WatchedJob } from './watched-job.js';

/**
 * A user's session at an NVFlare server, see `connectSession`. The methods are those of Python's `Session`, in camelCase: each
 * returns a cold Observable of one result, so that each subscription is a command, as `Cell.request` does it. What changes
 * is a stream.
 *
 * All error with {@link FlareError}: `session_ended`, `no_connection`, `not_supported` with the version of a server that lacks
 * the command, `not_authorized`, `bad_argument`, `bad_reply`, and what else the server answers, see {@link FlareStatus}; and
 * with CellError where a reply does not come. The session survives a server that restarts, and commands wait for it as long
 * as they wait for sites.
 */
export class FlareSession {
  /** What is unsafe about the kit, or ends soon, one sentence each: a key that others can read, for example. */
  readonly warnings: readonly string[];
  /** The project of the kit. */
  readonly project: string;
  /** The user that is logged in. */
  readonly user: string;
  /** The role of the user, such as `project_admin`, and the organization; absent where the certificate does not say. */
  readonly role: string | undefined;
  readonly org: string | undefined;
  /** The study that the session has logged in to. */
  readonly study: string;
  /** The version of the server, such as `2.9.0`; `2.7` or `2.8` where it does not tell. */
  readonly serverVersion: string;
  /** Whether the session can be used: now, and on each change. Completes when it has ended. */
  readonly state$: Observable<SessionState>;
  /** What the server says of itself, with its sites and running jobs: now, and on each change. */
  readonly system$: Observable<SystemInfo>;
  /** The sites that are connected: now, and on each change, which `lastConnectTime` is too: about every 30 s of each site. */
  readonly clients$: Observable<readonly ClientInfo[]>;
  /** The jobs of the study: now, and on each change. While a job runs its `duration` changes with each question. */
  readonly jobs$: Observable<readonly JobMeta[]>;
  /**
   * The latest jobs of the study with all that is known of each.
   *
   * @internal
   */
  readonly detailedJobs$: Observable<readonly JobMeta[]>;

  readonly #core: SessionCore;
  readonly #polls: Polls;
  readonly #commandTimeoutMs: number;

  /** @internal */
  constructor(
    core: SessionCore,
    options: Required<SessionOptions>,
    { project, warnings }: { readonly project: string; readonly warnings: readonly string[] },
  ) {
    this.#core = core;
    const connected$ = core.state$.pipe(filter(({ type }) => type === 'connected'));
    this.#polls = new Polls(options, core.end$, connected$);
    this.#commandTimeoutMs = options.commandTimeoutMs;
    this.warnings = warnings;
    this.project = project;
    this.user = core.identity.name;
    this.role = core.identity.role;
    this.org = core.identity.org;
    this.study = options.study;
    this.serverVersion = core.serverVersion;
    this.state$ = core.state$;
    this.system$ = this.#polls.of('system', this.getSystemInfo());
    this.clients$ = this.system$.pipe(map(({ clients }) => clients));
    this.jobs$ = this.#polls.of('jobs', this.listJobs());
    this.detailedJobs$ = this.#polls.of('detailed jobs', this.listJobs(LATEST));
  }

  /** A job as streams. Nothing is asked before one is subscribed. */
  job(jobId: string): WatchedJob {
    return new WatchedJob(jobId, this, this.#polls);
  }

  /** Logs out, and ends: streams complete, and what is asked for later errors with `session_ended`. */
  close(): Promise<void> {
    return this.#core.close();
  }

  /**
   * Sets how long the server waits for sites from now on.
   *
   * @param ms - 1 to 2,147,483,647 (24 days)
   * @throws FlareError `bad_argument`
   */
  setTimeout(ms: number): void {
    this.#core.commandTimeoutMs = timeArgument('a time', ms, 1);
  }

  /** Sets it back to the `commandTimeoutMs` of the options. */
  unsetTimeout(): void {
    this.#core.commandTimeoutMs = this.#commandTimeoutMs;
  }

  /** What the server says of itself, its sites and running jobs. */
  getSystemInfo(): Observable<SystemInfo> {
    return this.#ask(() => ['check_status', 'server'], systemInfoIn);
  }

  /** The sites that are connected. */
  getConnectedClientList(): Observable<readonly ClientInfo[]> {
    return this.getSystemInfo().pipe(map(({ clients }) => clients));
  }

  /** The jobs of the study of this session. */
  listJobs(options: ListJobsOptions = {}): Observable<readonly JobMeta[]> {
    return this.#ask(() => listJobsWords(options), jobsIn);
  }

  /** Describes a job. Errors with `invalid_job_id` where there is none, as all that name one do. */
  getJobMeta(jobId: string): Observable<JobMeta> {
    return this.#ask(() => ['get_job_meta', argument('job ID', jobId)], jobIn);
  }

  /** How far a job is. */
  getJobStatus(jobId: string): Observable<JobStatus> {
    return this.getJobMeta(jobId).pipe(map(({ status }) => status));
  }

  /** The description of a job: now, on each change, and at last at its end. Errors with `timed_out` where that takes too long. */
  monitorJob(jobId: string, { timeoutMs = 0 }: MonitorOptions = {}): Observable<JobMeta> {
    const { meta$ } = this.job(jobId);
    return defer(() =>
      timeArgument('timeoutMs', timeoutMs) === 0
        ? meta$
        : inTime(meta$, timeoutMs, `job ${jobId} has not ended`, this.#core.scheduler),
    );
  }

  /** The description of a job once it has ended, well or not. Errors with `timed_out` where that takes too long. */
  waitForJob(jobId: string, options?: MonitorOptions): Observable<JobMeta> {
    return this.monitorJob(jobId, options).pipe(filter(isFinished));
  }

  /** Submits a job once more. Emits the ID of the new one. */
  cloneJob(jobId: string): Observable<string> {
    const words = () => ['clone_job', argument('job ID', jobId)];
    return this.#ask(words, (reply) => newJobId(reply, 'clone_job'));
  }

  /** Ends a job, or takes it off the queue. Emits what the server says; a job that has ended stays as it is. */
  abortJob(jobId: string): Observable<string> {
    const words = () => ['abort_job', argument('job ID', jobId)];
    return this.#ask(words, (reply) => metaText(reply, 'abort_job', 'info'));
  }

  /** Deletes a job with its results. Errors with `job_running` while it runs. */
  deleteJob(jobId: string): Observable<DeletedJob> {
    const words = () => ['delete_job', argument('job ID', jobId)];
    return this.#ask(words, (reply) => deletedIn(reply, jobId));
  }

  /**
   * Submits a job: signs it, packs it and sends it. Emits its ID. An interrupted submission begins anew when the server is back,
   * where that cannot make a second job. Needs the package `yazl`.
   *
   * Errors with `invalid_job_def` before it sends what no server takes, or as the server says, and `interrupted`, whose message
   * says whether the job may be there all the same; CommError `BAD_CONFIG` where a file cannot be read.
   *
   * @param source - the path of the folder of the job, or its files
   */
  submitJob(source: JobSource, options?: SubmitOptions): Observable<string> {
    return this.submitJobWithProgress(source, options).pipe(
      map((progress) => (progress.type === 'submitted' ? progress.jobId : undefined)),
      filter((jobId) => jobId !== undefined),
    );
  }

  /** As {@link FlareSession.submitJob}. Emits how much the server has got, and at last the ID of the job. */
  submitJobWithProgress(source: JobSource, options?: SubmitOptions): Observable<SubmitProgress> {
    return submitJob(this.#core, source, options);
  }

  /**
   * Downloads the result of a job that has ended to a new folder of the destination, which is called by the ID of the job. Emits its
   * path. An interrupted download goes on when the server is back, and one that was given up with the next call: what has come
   * is in `.ID.partial` of the destination. Needs the package `yauzl`.
   *
   * Errors with `job_running`, `bad_argument` where the folder is there already, `in_use` where another download of the job to the
   * destination goes on, `bad_archive` for links, paths that leave the folder and what exceeds a limit, and `interrupted`; CommError `ERROR` where the disk fails.
   *
   * @param destination - it is made where it is not there
   */
  downloadJobResult(jobId: string, destination: string, options?: DownloadOptions): Observable<string> {
    return this.downloadJobResultWithProgress(jobId, destination, options).pipe(folderIn());
  }

  /** As {@link FlareSession.downloadJobResult}. Emits how much has come, and at last the folder. */
  downloadJobResultWithProgress(
    jobId: string,
    destination: string,
    options?: DownloadOptions,
  ): Observable<DownloadProgress> {
    const wanted: Download = { command: 'download_job', jobId, destination };
    return downloadResult(this.#core, wanted, options);
  }

  /**
   * As {@link FlareSession.downloadJobResultWithProgress}.
   *
   * @param settled - is called when no file is touched any more, which may be after it was unsubscribed
   * @internal
   */
  fetchJobResult(jobId: string, destination: string, settled: () => void): Observable<DownloadProgress> {
    return downloadResult(this.#core, { command: 'download_job', jobId, destination, settled });
  }

  /** Downloads what {@link FlareSession.listJobComponents} lists, as {@link FlareSession.downloadJobResult} does. */
  downloadJobComponents(jobId: string, destination: string, options?: DownloadOptions): Observable<string> {
    const wanted: Download = { command: 'download_job_components', jobId, destination };
    return downloadResult(this.#core, wanted, options).pipe(folderIn());
  }

  /** The names of what there is of a job beside its results, such as `ERRORLOG_site-1`; often none. */
  listJobComponents(jobId: string): Observable<readonly string[]> {
    const words = () => ['list_job', argument('job ID', jobId)];
    return this.#ask(words, (reply) => listIn(reply, 'list_job', 'job_components').map(wordOf)).pipe(
      catchError((error: unknown) => {
        // Up to 2.8 none is a failure.
        if (error instanceof FlareError && error.status === FlareStatus.NO_JOB_COMPONENTS) return of([]);
        throw error;
      }),
    );
  }

  /**
   * The logs of a job by site, as far as they can be had.
   *
   * From 2.8 on the server keeps its own, also when the job has ended, and those that sites stream to it. Of 2.7 they are files that
   * are read at the server or the sites, for which the role of the user needs the right `shell_commands`, or `cat`; there sites
   * keep theirs when the job has ended, and the server's moves to the result. Errors with `not_supported` where 2.7 has none.
   *
   * @param target - `server`, `all`, or a site
   */
  getJobLogs(jobId: string, target = 'server'): Observable<JobLogs> {
    const words = () => ['get_job_log', argument('job ID', jobId), siteName(target)];
    return defer(() =>
      this.#core.lacks('get_job_log') ? logsByShell(this, jobId, target) : this.#ask(words, logsIn),
    );
  }

  /** The log of one part of a job; empty where there is none. @param site - Default: `server` */
  getJobLog(jobId: string, site = 'server'): Observable<string> {
    return this.getJobLogs(jobId, site).pipe(map(({ logs }) => textFor(logs, site) ?? ''));
  }

  /** The log of a site's part of a job; from 2.8 on, empty where the site does not stream it to the server. */
  getClientJobLog(jobId: string, site: string): Observable<string> {
    return this.getJobLog(jobId, site);
  }

  /**
   * Sets what a running job logs.
   *
   * @param config - a level such as `DEBUG`, a mode of NVFlare's such as `concise`, or a configuration of Python's logging
   * @param target - `server`, `all`, or a site. Default: `all`
   */
  configureJobLog(jobId: string, config: string | Facts, target = 'all'): Observable<void> {
    const what = typeof config === 'string' ? argument('configuration', config) : JSON.stringify(config);
    const words = () => ['configure_job_log', argument('job ID', jobId), ...logTarget(target), what];
    return this.#ask(words, configuredIn);
  }

  /** Sets what the server or sites log, as {@link FlareSession.configureJobLog}; from 2.8 on. */
  configureSiteLog(config: string, target = 'all'): Observable<void> {
    const words = () => ['configure_site_log', ...logTarget(target), argument('configuration', config)];
    return this.#ask(words, configuredIn);
  }

  /** What the server says of itself or of sites, under its own names. @param clients - Default: all */
  checkStatus(target: TargetType, clients?: readonly string[]): Observable<Facts> {
    return this.#ask(
      () => ['check_status', ...targetWords(target, clients)],
      ({ meta }) => meta,
    );
  }

  /** What sites do: one entry for each job of each. @param clients - Default: all */
  getClientJobStatus(clients?: readonly string[]): Observable<readonly Facts[]> {
    const words = () => ['check_status', ...targetWords('client', clients)];
    return this.#ask(words, (reply) => listIn(reply, 'check_status', 'client_status') as readonly Facts[]);
  }

  /** Where sites work, and how they reach the server. @param clients - Default: all */
  getClientEnv(clients: readonly string[] = []): Observable<readonly Facts[]> {
    const words = () => ['report_env', ...clients.map(siteName)];
    return this.#ask(words, (reply) => listIn(reply, 'report_env', 'clients') as readonly Facts[]);
  }

  /** The resources of each site, as Python writes them. @param clients - Default: all */
  reportResources(
    target: TargetType,
    clients?: readonly string[],
  ): Observable<Readonly<Record<string, string>>> {
    return this.#ask(() => ['report_resources', ...targetWords(target, clients)], resourcesIn);
  }

  /** The version of NVFlare of each site; from 2.8 on. @param clients - Default: all */
  reportVersion(
    target: TargetType,
    clients?: readonly string[],
  ): Observable<Readonly<Record<string, string>>> {
    return this.#ask(() => ['report_version', ...targetWords(target, clients)], versionsIn);
  }

  /** What the parts of a running job count, by site. Errors with `job_not_running`, as the next two do. */
  showStats(jobId: string, target: TargetType, clients?: readonly string[]): Observable<Facts> {
    return this.#ofRunning('show_stats', jobId, target, clients);
  }

  /** What went wrong in the parts of a running job, by site. */
  showErrors(jobId: string, target: TargetType, clients?: readonly string[]): Observable<Facts> {
    return this.#ofRunning('show_errors', jobId, target, clients);
  }

  /** Forgets what went wrong in a running job. */
  resetErrors(jobId: string): Observable<void> {
    return this.#ofRunning('reset_errors', jobId, 'all').pipe(map(nothing));
  }

  /**
   * Asks a running job what its own code answers.
   *
   * @param data - has a form in JSON
   */
  doAppCommand(jobId: string, topic: string, data?: unknown): Observable<Facts> {
    const words = () => ['app_command', argument('job ID', jobId), argument('topic', topic)];
    return this.#ask(words, dictIn, { props: data });
  }

  /**
   * Restarts the server, sites, or all, where they were started by their scripts. Emits what the server answers, once it has
   * happened. Errors with `job_running` while one runs, `timed_out` where it takes too long.
   */
  restart(target: TargetType, options?: TargetOptions): Observable<Facts> {
    const asked$ = this.#change('restart', target, options);
    return defer(() =>
      restarted({ session: this, scheduler: this.#core.scheduler, asked$ }, target, checked(target, options)),
    );
  }

  /**
   * Shuts the server down, sites, or all. Emits what the server answers, once it has happened; without the server the session
   * is closed. Errors with `job_running`, `timed_out`.
   */
  shutdown(target: TargetType, options?: TargetOptions): Observable<Facts> {
    const asked$ = this.#change('shutdown', target, options);
    return defer(() =>
      shutDown({ session: this, scheduler: this.#core.scheduler, asked$ }, target, checked(target, options)),
    );
  }

  /** Shuts the server and all sites down, as `shutdown('all')`. */
  shutdownSystem(): Observable<void> {
    return this.shutdown('all').pipe(map(nothing));
  }

  /** Takes the token from a site, which may register again. */
  removeClient(client: string): Observable<void> {
    return this.#ask(() => ['remove_client', siteName(client)], nothing);
  }

  /** Keeps a site from registering; from 2.8 on. */
  disableClient(client: string): Observable<Facts> {
    return this.#ask(() => ['disable_client', siteName(client)], dictIn);
  }

  /** Lets a site register again; from 2.8 on. */
  enableClient(client: string): Observable<Facts> {
    return this.#ask(() => ['enable_client', siteName(client)], dictIn);
  }

  /** Lists files of the server or of a site. @param options - of `ls`, such as `-l` */
  lsTarget(target: string, options = '', path = ''): Observable<string> {
    return this.#shell('ls', target, [options, path]);
  }

  /** A text file of the server or of a site. @param options - of `cat` */
  catTarget(target: string, file: string, options = ''): Observable<string> {
    return this.#shell('cat', target, [options, argument('file', file)]);
  }

  /** The first lines of a text file. @param options - of `head`, such as `-n 20` */
  headTarget(target: string, file: string, options = ''): Observable<string> {
    return this.#shell('head', target, [options, argument('file', file)]);
  }

  /** The first lines of the log of the server or of a site. */
  headTargetLog(target: string, options = ''): Observable<string> {
    return this.headTarget(target, LOG_FILE, options);
  }

  /** The last lines of a text file. @param options - of `tail`, such as `-n 20` */
  tailTarget(target: string, file: string, options = ''): Observable<string> {
    return this.#shell('tail', target, [options, argument('file', file)]);
  }

  /** The last lines of the log of the server or of a site. */
  tailTargetLog(target: string, options = ''): Observable<string> {
    return this.tailTarget(target, LOG_FILE, options);
  }

  /** The lines of a text file that fit a pattern. @param options - of `grep`, such as `-n` */
  grepTarget(target: string, pattern: string, file: string, options = ''): Observable<string> {
    return this.#shell('grep', target, [options, argument('pattern', pattern), argument('file', file)]);
  }

  /** Where the server or a site works. */
  getWorkingDirectory(target: string): Observable<string> {
    return this.#shell('pwd', target, []).pipe(map((path) => path.trimEnd()));
  }

  /** Makes a study, or adds to it. Studies are there from 2.8 on. */
  registerStudy(study: string, sites: StudySites): Observable<Facts> {
    return this.#study(() => ['register_study', ...studyWords(study, sites)]);
  }

  /** Adds sites to a study. */
  addStudySite(study: string, sites: StudySites): Observable<Facts> {
    return this.#study(() => ['add_study_site', ...studyWords(study, sites)]);
  }

  /** Takes sites from a study. */
  removeStudySite(study: string, sites: StudySites): Observable<Facts> {
    return this.#study(() => ['remove_study_site', ...studyWords(study, sites)]);
  }

  /** Ends a study. */
  removeStudy(study: string): Observable<Facts> {
    return this.#study(() => ['remove_study', argument('study', study)]);
  }

  /** The studies that the user can see. */
  listStudies(): Observable<Facts> {
    return this.#study(() => ['list_studies']);
  }

  /** A study, with its sites and users. */
  showStudy(study: string): Observable<Facts> {
    return this.#study(() => ['show_study', argument('study', study)]);
  }

  /** Lets a user into a study. */
  addStudyUser(study: string, user: string): Observable<Facts> {
    return this.#study(() => ['add_study_user', argument('study', study), argument('user', user)]);
  }

  /** Takes a user from a study. */
  removeStudyUser(study: string, user: string): Observable<Facts> {
    return this.#study(() => ['remove_study_user', argument('study', study), argument('user', user)]);
  }

  /**
   * Any command that has no method here.
   *
   * @param words - the command and its arguments, each of which arrives as it is
   */
  doCommand(words: readonly string[], options?: CommandOptions): Observable<CommandReply> {
    return this.#ask(
      () => words,
      (reply) => reply,
      options,
    );
  }

  #ask<T>(
    words: () => readonly string[],
    read: (reply: CommandReply) => T,
    options?: CommandOptions,
  ): Observable<T> {
    return defer(() => this.#core.command(commandLine(words()), options)).pipe(map(read));
  }

  #study(words: () => readonly string[]): Observable<Facts> {
    return this.#ask(words, studyIn);
  }

  #ofRunning(
    command: string,
    jobId: string,
    target: TargetType,
    clients?: readonly string[],
  ): Observable<Facts> {
    return this.#ask(() => [command, argument('job ID', jobId), ...targetWords(target, clients)], dictIn);
  }

  /** Options and paths that are empty stand for none. */
  #shell(command: string, target: string, words: readonly string[]): Observable<string> {
    const given = words.filter((word) => word !== '');
    return this.#ask(() => [command, siteName(target), ...given], shellTextIn(command));
  }

  #change(command: string, target: TargetType, { clients }: TargetOptions = {}): Observable<Facts> {
    return this.#ask(
      () => [command, ...targetWords(target, clients)],
      ({ meta }) => meta,
    );
  }
}

const LOG_FILE = 'log.txt';

/** More are too many to look at. */
/** How many jobs {@link FlareSession.detailedJobs$} has at most. */
export const MAX_LATEST = 1_000;

const LATEST: ListJobsOptions = { detailed: true, reverse: true, limit: MAX_LATEST };

function checked(target: TargetType, options: TargetOptions = {}): TargetOptions {
  targetWords(target, options.clients);
  if (options.waitMs !== undefined) timeArgument('waitMs', options.waitMs);
  return options;
}

function nothing(): undefined {
  return undefined;
}

function folderIn(): OperatorFunction<DownloadProgress, string> {
  return (progress$) =>
    progress$.pipe(
      map((progress) => (progress.type === 'downloaded' ? progress.folder : undefined)),
      filter((folder) => folder !== undefined),
    );
}
