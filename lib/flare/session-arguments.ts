import { LONGEST_TIMER_MS } from '../longest-timer.js';
import { argument, badArgument } from './command-line.js';

/** Whom a command is about: the server, sites, or all of them. */
export type TargetType = 'server' | 'client' | 'all';

/** Which jobs are listed; all may be left out. */
export interface ListJobsOptions {
  /** All that the server knows of each, in `raw`. Default: false. */
  readonly detailed?: boolean;
  /** The most jobs to list. Default: all. */
  readonly limit?: number;
  /** Of those whose ID begins so. */
  readonly idPrefix?: string;
  /** Of those whose name begins so. */
  readonly namePrefix?: string;
  /** The last submitted first. Default: false. */
  readonly reverse?: boolean;
  /** The one that was submitted with this token; NVFlare 2.9. */
  readonly submitToken?: string;
}

/** How a job is waited for. */
export interface MonitorOptions {
  /**
   * How long to wait, in milliseconds, up to 2,147,483,647 (24 days); then it fails with FlareError `timed_out`. Default: 0, which
   * waits for ever.
   */
  readonly timeoutMs?: number;
}

/** Who is restarted or shut down, and what is waited for. */
export interface TargetOptions {
  /** Which sites; the target must be `client`. Default: all. */
  readonly clients?: readonly string[];
  /**
   * How long to wait until it has happened, in milliseconds, up to 2,147,483,647 (24 days); 0 does not. Default: 30,000.
   */
  readonly waitMs?: number;
}

/** The words of `list_jobs`. */
export function listJobsWords(options: ListJobsOptions): string[] {
  const { detailed, limit, idPrefix, namePrefix, reverse, submitToken } = options;
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 0))
    throw badArgument(`expected a limit of 0 or more, got ${limit}`);
  return [
    'list_jobs',
    ...(detailed === true ? ['-d'] : []),
    ...(reverse === true ? ['-r'] : []),
    ...(limit === undefined || limit === 0 ? [] : ['-m', String(limit)]),
    ...(namePrefix === undefined ? [] : ['-n', argument('name prefix', namePrefix)]),
    ...(idPrefix === undefined ? [] : [argument('ID prefix', idPrefix)]),
    ...(submitToken === undefined ? [] : ['--submit-token', argument('submit token', submitToken)]),
  ];
}

/** The words behind a command that is about targets. */
export function targetWords(target: TargetType, clients: readonly string[] = []): string[] {
  if (!['server', 'client', 'all'].includes(target))
    throw badArgument(`expected "server", "client" or "all", got ${JSON.stringify(target)}`);
  if (target !== 'client' && clients.length > 0)
    throw badArgument(`expected the target "client" for sites by name, got "${target}"`);
  return [target, ...clients.map(siteName)];
}

/** A time in milliseconds. @param least - that it may be */
export function timeArgument(what: string, ms: number, least = 0): number {
  if (ms >= least && ms <= LONGEST_TIMER_MS) return ms;
  throw badArgument(`expected ${what} of ${least} to ${LONGEST_TIMER_MS} ms (24 days), got ${ms}`);
}

/**
 * A target of a command by name, as servers accept it. Source: `validate_required_target_string` of
 * `nvflare/fuel/hci/cmd_arg_utils.py`.
 */
export function siteName(name: string): string {
  if (/^[A-Za-z0-9._-]+$/.test(argument('site', name))) return name;
  throw badArgument(`expected the name of a site, of A-Z a-z 0-9 . _ -, got ${JSON.stringify(name)}`);
}

/** The words for whose log is meant: all, the server or one site. */
export function logTarget(target: string): string[] {
  return target === 'all' || target === 'server' ? [target] : ['client', siteName(target)];
}

/** The words behind a command about a study: its sites, or its sites by organisation. */
export function studyWords(study: string, { sites = [], siteOrgs = [] }: StudySites): string[] {
  if (sites.length > 0 === siteOrgs.length > 0)
    throw badArgument('expected either sites or siteOrgs of a study');
  const listed = sites.length > 0 ? ['--sites', sites.map(siteName).join(',')] : [];
  return [argument('study', study), ...listed, ...siteOrgs.flatMap((each) => ['--site-org', each])];
}

/** The sites of a study: exactly one of both. */
export interface StudySites {
  /** For users who manage the sites of their organisation. */
  readonly sites?: readonly string[];
  /** `org:site-1,site-2`; for those who manage the project. */
  readonly siteOrgs?: readonly string[];
}
