import { isMatching, P } from 'ts-pattern';

import { badReply, type CommandReply, wordOf } from './command-reply.js';
import { dateOf } from './system-info.js';

/**
 * How far a job is; a server may know others. Those that begin with `FINISHED:` are its end. Source: `RunStatus` of
 * `nvflare/apis/job_def.py`.
 */
export type JobStatus =
  | 'SUBMITTED'
  | 'APPROVED'
  | 'DISPATCHED'
  | 'RUNNING'
  | 'FINISHED:COMPLETED'
  | 'FINISHED:ABORTED'
  | 'FINISHED:EXECUTION_EXCEPTION'
  | 'FINISHED:ABNORMAL'
  | 'FINISHED:CAN_NOT_SCHEDULE'
  | 'FINISHED:FAILED_TO_RUN'
  | 'FINISHED:ABANDONED'
  | (string & {});

/** A job as the server describes it. */
export interface JobMeta {
  readonly jobId: string;
  readonly name: string;
  readonly status: JobStatus;
  readonly submitTime: Date | undefined;
  /** When it began to run; absent before. */
  readonly startTime: Date | undefined;
  /** How long it has run or ran, as the server writes it, such as `0:00:12.345678`; absent before. */
  readonly duration: string | undefined;
  readonly submitterName: string | undefined;
  readonly submitterOrg: string | undefined;
  readonly submitterRole: string | undefined;
  readonly study: string | undefined;
  /** What came of each deployment, and why it failed where it did; empty before, and in short lists. */
  readonly deployDetail: readonly string[];
  /** All that the server says, under its own names. */
  readonly raw: Readonly<Record<string, unknown>>;
}

const isMeta = isMatching({ job_id: P.string.minLength(1), status: P.string.minLength(1) });

/** Whether a job has ended, well or not. */
export function isFinished({ status }: JobMeta): boolean {
  return status.startsWith('FINISHED');
}

/**
 * Reads `job_meta` of `get_job_meta`.
 *
 * @throws FlareError `bad_reply`
 */
export function jobIn({ meta }: CommandReply): JobMeta {
  return describe('get_job_meta', meta.job_meta);
}

/**
 * Reads `jobs` of `list_jobs`.
 *
 * @throws FlareError `bad_reply`
 */
export function jobsIn({ meta }: CommandReply): readonly JobMeta[] {
  const { jobs = [] } = meta;
  if (!Array.isArray(jobs)) throw badReply('list_jobs', 'the server does not list its jobs');
  return jobs.map((job) => describe('list_jobs', job));
}

/** Lists name a job by `job_name`, descriptions by `name`. Source: `JobMetaKey` and `MetaKey.JOB_NAME`. */
function describe(command: string, job: unknown): JobMeta {
  if (!isMeta(job)) throw badReply(command, 'the server does not describe a job');
  const raw = job as Readonly<Record<string, unknown>> & typeof job;
  const text = (value: unknown): string | undefined =>
    typeof value === 'string' && value !== '' ? value : undefined;
  const detail = raw.job_deploy_detail;
  return {
    jobId: job.job_id,
    name: text(raw.name) ?? text(raw.job_name) ?? '',
    status: job.status,
    submitTime: timeOf(raw.submit_time),
    startTime: timeOf(raw.start_time, offsetIn(raw)),
    // Before its end some servers write 'N/A'.
    duration: raw.duration === 'N/A' ? undefined : text(raw.duration),
    submitterName: text(raw.submitter_name),
    submitterOrg: text(raw.submitter_org),
    submitterRole: text(raw.submitter_role),
    study: text(raw.study),
    deployDetail: Array.isArray(detail) ? detail.map(wordOf) : [],
    raw,
  };
}

const OFFSET = /(?:Z|[+-]\d\d:\d\d)$/;

/**
 * By how much the clocks of the server differ from UTC, such as `+05:30`, as the time of the submission tells; `undefined` where
 * nothing does. Source: `JobMetaKey.SUBMIT_TIME_ISO` of `nvflare/apis/job_def.py`, which lists have as `submit_time`.
 */
export function offsetIn({ submit_time_iso: iso, submit_time: time }: JobMeta['raw']): string | undefined {
  return [iso, time]
    .map((each) => (typeof each === 'string' ? OFFSET.exec(each)?.[0] : undefined))
    .find(Boolean);
}

/** Seconds since 1970, or a text of a date. Up to 2.8 that may have no offset: then it is by the clock of the server. */
function timeOf(value: unknown, offset?: string): Date | undefined {
  if (typeof value === 'number') return dateOf(value);
  if (typeof value !== 'string' || value === '') return undefined;
  const full = OFFSET.test(value) ? value : `${value.replace(' ', 'T')}${offset ?? ' unknown'}`;
  const time = Date.parse(full);
  return Number.isNaN(time) ? undefined : new Date(time);
}
