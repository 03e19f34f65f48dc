import { isMatching, P } from 'ts-pattern';

import { quoted } from '../quoted.js';
import { badReply, type CommandReply, dictIn, rowsIn, textIn } from './command-reply.js';
import { FlareError, FlareStatus } from './flare-error.js';

/** Facts under names of the server's choice. */
export type Facts = Readonly<Record<string, unknown>>;

/** The log of a job by site, and why there is none of others. */
export interface JobLogs {
  readonly logs: Readonly<Record<string, string>>;
  readonly unavailable: Readonly<Record<string, string>>;
}

/** What deleting a job has done. */
export interface DeletedJob {
  readonly jobId: string;
  /** How many submit tokens cannot be used again; 0 before 2.9. */
  readonly submitRecordsMarkedDeleted: number;
}

const isVersion = isMatching({ version: P.string });

/** Reads what `report_version` answers: a version by site. */
export function versionsIn(reply: CommandReply): Readonly<Record<string, string>> {
  const told = Object.entries(dictIn(reply)).map(([site, said]) => [
    site,
    isVersion(said) ? said.version : said,
  ]);
  return Object.fromEntries(told.filter(([, version]) => typeof version === 'string')) as Record<
    string,
    string
  >;
}

/**
 * Reads the tables of two columns that `report_resources` answers: a text by site.
 *
 * @throws FlareError `bad_reply` where there is none: so a server refuses, and says why in a text at most
 */
export function resourcesIn(reply: CommandReply): Readonly<Record<string, string>> {
  if (!reply.data.some(({ type }) => type === 'table'))
    throw badReply('report_resources', `the server answered ${quoted(textIn(reply))}`);
  return Object.fromEntries(rowsIn(reply).map(([site = '', resources = '']) => [site, resources]));
}

/**
 * Reads what servers and sites answer that were told what to log.
 *
 * @throws FlareError `bad_argument` where one of them cannot: up to 2.8 it says so with success
 */
export function configuredIn(reply: CommandReply): void {
  const said = [textIn(reply), ...rowsIn(reply).map(([, response = '']) => response)];
  const reason = said.find((each) => /^\w*(Error|Exception)\b/.test(each));
  if (reason === undefined) return;
  throw new FlareError(FlareStatus.BAD_ARGUMENT, `the configuration is none, ${quoted(reason)}`, { reason });
}

/** Reads what `get_job_log` answers. */
export function logsIn(reply: CommandReply): JobLogs {
  const { logs, unavailable } = dictIn(reply);
  return { logs: textsOf(logs), unavailable: textsOf(unavailable) };
}

/** The text of a site; a site may be called as a property that every object has. */
export function textFor(texts: Readonly<Record<string, string>>, site: string): string | undefined {
  return Object.hasOwn(texts, site) ? texts[site] : undefined;
}

/** The texts of a record; none of anything else. */
function textsOf(value: unknown): Readonly<Record<string, string>> {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return Object.fromEntries(
    entries.flatMap(([site, text]) => (typeof text === 'string' ? [[site, text]] : [])),
  );
}

/** All of what a site says that does not let a user do something. Source: `AuthorizationService` of `nvflare/fuel/sec/authz.py`. */
const SITE_REFUSAL = /^(user '[^'\n]*' is )?not authorized( for '[^'\n]*')?$/;

/**
 * Reads the text that a command of a shell answers.
 *
 * @throws FlareError `not_authorized`, which the server says with an error, and a site with a text
 */
export function shellTextIn(command: string): (reply: CommandReply) => string {
  return (reply) => {
    const text = textIn(reply);
    if (!SITE_REFUSAL.test(text)) return text;
    throw new FlareError(FlareStatus.NOT_AUTHORIZED, `${command}: the site answered ${text}`, {
      reason: text,
    });
  };
}

/** Reads what `delete_job` answers. @param jobId - where the server does not repeat it, before 2.9 */
export function deletedIn({ meta }: CommandReply, jobId: string): DeletedJob {
  const { submit_records_marked_deleted: count } = meta;
  return {
    jobId: typeof meta.job_id === 'string' ? meta.job_id : jobId,
    submitRecordsMarkedDeleted: typeof count === 'number' ? count : 0,
  };
}

/**
 * A list of `meta`.
 *
 * @throws FlareError `bad_reply` where it is something else, or absent
 */
export function listIn({ meta }: CommandReply, command: string, name: string): readonly unknown[] {
  const list = meta[name] ?? [];
  if (!Array.isArray(list)) throw badReply(command, `the server has no list under ${name}`);
  return list as readonly unknown[];
}

/**
 * A text of `meta`.
 *
 * @throws FlareError `bad_reply` where there is none
 */
export function metaText({ meta }: CommandReply, command: string, name: string): string {
  const text = meta[name];
  if (typeof text !== 'string') throw badReply(command, `the server does not say ${name}`);
  return text;
}

/**
 * The ID of the job that a command has made.
 *
 * @throws FlareError `bad_reply` where there is none
 */
export function newJobId(reply: CommandReply, command: string): string {
  const jobId = metaText(reply, command, 'job_id');
  if (jobId === '') throw badReply(command, 'the server does not say job_id');
  return jobId;
}

const isStudyError = isMatching({ error_code: P.string.minLength(1) });

/**
 * Reads what commands about studies answer, which say their errors with success. Source: `Session._get_study_payload` of
 * `nvflare/fuel/flare_api/flare_api.py`.
 *
 * @throws FlareError `error`, with the code of the server as `reason`
 */
export function studyIn(reply: CommandReply): Facts {
  const facts = dictIn(reply);
  if (!isStudyError(facts)) return facts;
  const { error_code: reason, message, hint } = facts as Facts & typeof facts;
  const said = [message, hint].filter((text) => typeof text === 'string' && text !== '').join(' ');
  throw new FlareError(FlareStatus.ERROR, `the server answered ${said === '' ? reason : said}`, { reason });
}
