import { combineLatest, map, type Observable, scan } from 'rxjs';

import { deploymentOf, participantsOf } from '../deployment-detail.js';
import { isFinished, type JobMeta } from '../described-job.js';
import { type FlareSession, MAX_LATEST } from '../session.js';
import { durationOf, summaryOf } from './job-summary.js';
import type { JobReport, JobsReport, TimelineEntry } from './protocol.js';

/** The most jobs that are listed. */
const MAX_JOBS = 500;

/** The jobs of the study, the latest first, now and on each change. */
export function jobsReport(metas: readonly JobMeta[], at = Date.now()): JobsReport {
  const latest = metas
    .map((meta) => summaryOf(meta, at))
    .sort((one, other) => (other.submitTime ?? 0) - (one.submitTime ?? 0));
  const jobs = latest.slice(0, MAX_JOBS);
  // The server was asked for no more.
  const omitted = latest.length < MAX_LATEST ? latest.length - jobs.length : null;
  return { at, jobs, omitted };
}

/** A job in full: now, and on each change, until it has ended. */
export function jobReports(session: FlareSession, jobId: string): Observable<JobReport> {
  const job = session.job(jobId);
  const known$ = job.meta$.pipe(scan<JobMeta, Known, undefined>(known, undefined));
  return combineLatest([known$, job.training$]).pipe(
    map(([{ meta, seen }, training]): JobReport => {
      const at = Date.now();
      const { submitterOrg, submitterRole, study } = meta;
      return {
        at,
        job: {
          ...summaryOf(meta, at),
          submitterOrg: submitterOrg ?? null,
          submitterRole: submitterRole ?? null,
          study: study ?? null,
        },
        timeline: timelineOf(meta, seen),
        deployment: deploymentOf(meta),
        participants: ['server', ...participantsOf(meta)],
        training,
      };
    }),
  );
}

/** A description, and when the statuses before were seen. */
interface Known {
  readonly meta: JobMeta;
  readonly seen: readonly TimelineEntry[];
}

function known(before: Known | undefined, meta: JobMeta): Known {
  // What was there when we began to look may have been so for long.
  if (before === undefined) return { meta, seen: [] };
  if (before.meta.status === meta.status) return { meta, seen: before.seen };
  return { meta, seen: [...before.seen, { status: meta.status, at: Date.now(), source: 'seen' }] };
}

/** Where a server tells the time of a status, that; else when it was seen. */
function timelineOf(meta: JobMeta, seen: readonly TimelineEntry[]): readonly TimelineEntry[] {
  const start = meta.startTime?.getTime() ?? null;
  const ran = durationOf(meta.duration);
  const scheduled: unknown = meta.raw.last_schedule_time;
  const told: TimelineEntry[] = [entry('SUBMITTED', meta.submitTime?.getTime() ?? null)];
  if (typeof scheduled === 'number') told.push(entry('DISPATCHED', Math.round(scheduled * 1_000)));
  if (start !== null) told.push(entry('RUNNING', start));
  if (isFinished(meta)) {
    const end = start !== null && ran !== null ? start + ran : null;
    told.push(end === null ? (seen.at(-1) ?? entry(meta.status, null)) : entry(meta.status, end));
  }
  const isTold = new Set(told.map(({ status }) => status));
  const others = seen.filter(({ status }) => !isTold.has(status));
  if (!isTold.has(meta.status) && others.every(({ status }) => status !== meta.status))
    others.push(entry(meta.status, null));
  return [...told, ...others].sort((one, other) => (one.at ?? Infinity) - (other.at ?? Infinity));
}

function entry(status: string, at: number | null): TimelineEntry {
  return { status, at, source: 'server' };
}
