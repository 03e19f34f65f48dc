import { isFinished, type JobMeta } from '../described-job.js';
import type { JobSummary } from './protocol.js';

/** A job in short. @param at - now */
export function summaryOf(meta: JobMeta, at: number): JobSummary {
  const { jobId, name, status, submitTime, startTime, duration, submitterName } = meta;
  const outcome = outcomeOf(status);
  const start = startTime?.getTime() ?? null;
  const running = outcome === 'running' && start !== null ? Math.max(0, at - start) : null;
  return {
    jobId,
    name,
    status,
    outcome,
    submitTime: submitTime?.getTime() ?? null,
    startTime: start,
    durationMs: (isFinished(meta) ? durationOf(duration) : null) ?? running,
    submitter: submitterName ?? null,
  };
}

/** What a status means. Source: `RunStatus` of `nvflare/apis/job_def.py`. */
export function outcomeOf(status: string): JobSummary['outcome'] {
  switch (status) {
    case 'RUNNING':
      return 'running';
    case 'FINISHED:COMPLETED':
      return 'completed';
    case 'FINISHED:ABORTED':
      return 'aborted';
    default:
      return status.startsWith('FINISHED') ? 'failed' : 'waiting';
  }
}

/** A `timedelta` as Python writes it: `0:00:12.345678`, or `2 days, 1:02:03`. */
const DURATION = /^(?:(\d+) days?, )?(\d+):(\d\d):(\d\d(?:\.\d+)?)$/;

/** In milliseconds; `null` for anything else. */
export function durationOf(text: string | undefined): number | null {
  const [, days = '0', hours, minutes, seconds] = DURATION.exec(text ?? '') ?? [];
  if (hours === undefined || minutes === undefined || seconds === undefined) return null;
  return Math.round(
    (((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1_000,
  );
}
