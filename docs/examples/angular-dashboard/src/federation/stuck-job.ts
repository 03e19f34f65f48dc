import type { JobReport, JobSummary, SystemReport } from 'rxflare/flare/dashboard';

type Training = JobReport['training'];

/** A site is asked each few seconds what it runs: so soon after the start of a job, none may say so yet. */
const STARTING_MS = 60_000;

/** A round that takes as much longer than the others tells that their mean says nothing of it. */
const OVERRUN = 3;

/**
 * Whether a job that the server calls running is run by nobody: all sites are known not to run it. So it is after the server was
 * restarted: NVFlare keeps the status, and ends such a job never.
 */
export function isStuck(
  { jobId, outcome, durationMs }: Pick<JobSummary, 'jobId' | 'outcome' | 'durationMs'>,
  system: Pick<SystemReport, 'session' | 'sites'> | undefined,
): boolean {
  if (outcome !== 'running' || system?.session.state !== 'connected') return false;
  if (durationMs === null || durationMs < STARTING_MS) return false;
  return system.sites.every(
    ({ state, jobs }) => state === 'gone' || (jobs !== null && !jobs.includes(jobId)),
  );
}

/** How long the round that runs has taken; `null` where that is unknown, as where the clocks do not agree. */
export function inRoundMs({ roundStartTime }: Pick<Training, 'roundStartTime'>, now: number): number | null {
  if (roundStartTime === null || now - roundStartTime < -STARTING_MS) return null;
  return Math.max(0, now - roundStartTime);
}

/** How long the rounds that are left take, about; `null` where nothing tells, or the round that runs takes all too long. */
export function leftMs(
  training: Pick<Training, 'roundStartTime' | 'meanRoundMs' | 'rounds' | 'finishedRounds'>,
  now: number,
): number | null {
  const { meanRoundMs, rounds, finishedRounds } = training;
  if (meanRoundMs === null || rounds === null) return null;
  const spentMs = inRoundMs(training, now) ?? 0;
  if (spentMs > OVERRUN * meanRoundMs + STARTING_MS) return null;
  return Math.max(0, (rounds - finishedRounds) * meanRoundMs - Math.min(spentMs, meanRoundMs));
}
