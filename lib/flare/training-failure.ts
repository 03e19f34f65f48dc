import type { Fault, TrainingReport } from './training-report.js';
import { deploymentOf } from './deployment-detail.js';
import { isFinished, type JobMeta } from './described-job.js';
import type { LoggedTraining } from './training-log.js';

/** The last line of a traceback of Python. */
const EXCEPTION = /^(?:[\w.]*(?:Error|Exception|Interrupt)|[A-Z]\w+): ./m;

/**
 * What ended a job that failed: where it could not be deployed, that; else the exception of a site, and what the server gave up
 * for; `null` for a job that did not fail.
 */
export function failureIn(
  meta: JobMeta,
  fatal: LoggedTraining['fatal'],
  faults: readonly Fault[],
): TrainingReport['failure'] {
  const { status } = meta;
  if (!isFinished(meta) || status === 'FINISHED:COMPLETED' || status === 'FINISHED:ABORTED') return null;
  const undeployed = deploymentOf(meta).filter(({ isOk }) => !isOk);
  if (undeployed.length > 0)
    return {
      text: undeployed.map(({ site, text }) => said(site, text)).join('\n'),
      sites: sitesIn(undeployed),
    };
  const ofSites = faults.filter(({ site }) => site !== 'server' && site !== null);
  const raised = ofSites.filter(({ text }) => EXCEPTION.test(text));
  const causes = raised.filter(({ at }) => fatal === null || at !== null).slice(0, 3);
  const texts = [
    ...causes.map(({ site, text }) => said(site ?? '', exceptionIn(text))),
    ...(fatal === null ? [] : [fatal.text]),
  ];
  if (texts.length > 0) {
    const named = fatal?.site ?? null;
    return { text: [...new Set(texts)].join('\n'), sites: named === null ? sitesIn(causes) : [named] };
  }
  const [first] = faults;
  const { schedule_history: history } = meta.raw;
  const scheduled: unknown = Array.isArray(history) ? history.at(-1) : undefined;
  if (first !== undefined) return { text: first.text, sites: sitesIn([first]) };
  // That it was scheduled is no reason.
  const isReason = typeof scheduled === 'string' && !scheduled.endsWith(': scheduled');
  return { text: isReason ? `${status}: ${scheduled}` : status, sites: [] };
}

function exceptionIn(text: string): string {
  return EXCEPTION.exec(text) === null
    ? text
    : (text.split('\n').findLast((line) => EXCEPTION.test(line)) ?? text);
}

function said(site: string, text: string): string {
  return site === '' ? text : `${site}: ${text}`;
}

function sitesIn(faults: readonly { readonly site: string | null }[]): readonly string[] {
  const names = faults.flatMap(({ site }) =>
    site === null || site === '' || site === 'server' ? [] : [site],
  );
  return [...new Set(names)];
}
