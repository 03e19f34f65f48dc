import type { ClientInfo, JobMeta, SystemInfo } from '../flare/index.js';
import { pad, printable, widthOf } from './printable.js';
import { sizeText } from './text-of-payload.js';

/** What `rxflare flare` prints. With `--json` each is one line. */
export type FlareOutput =
  | {
      readonly event: 'server';
      readonly status: string;
      readonly version: string;
      readonly user: string;
      /** ISO 8601. */
      readonly startTime: string | null;
      readonly sites: number;
      readonly jobs: number;
    }
  | {
      readonly event: 'site';
      readonly name: string;
      readonly lastSeen: string | null;
      readonly fqcn: string | null;
    }
  | {
      readonly event: 'job';
      readonly jobId: string;
      readonly name: string;
      readonly status: string;
      readonly submitted: string | null;
      /** As the server writes it; `null` before the job has ended, unless it tells. */
      readonly duration: string | null;
      readonly submitter: string | null;
      /** What came of each deployment, and why it failed where it did. */
      readonly detail: readonly string[];
    }
  | { readonly event: 'submitted'; readonly jobId: string; readonly bytes: number }
  | { readonly event: 'log'; readonly site: string; readonly text: string }
  | { readonly event: 'aborted'; readonly jobId: string; readonly message: string }
  | { readonly event: 'downloaded'; readonly jobId: string; readonly folder: string }
  /** How far a transfer is; people see a bar. */
  | {
      readonly event: 'progress';
      readonly file: string;
      readonly bytes: number;
      readonly size: number | null;
    };

/** Of an output of one event. */
export type FlareEvent<E extends FlareOutput['event']> = Extract<FlareOutput, { event: E }>;

/** A line, or several, for people. What it has is safe to write already. */
export function flareText(output: FlareOutput, bold: (text: string) => string): string {
  switch (output.event) {
    case 'server':
      return [
        `server ${bold(output.status)}, NVFlare ${output.version}, since ${timeText(output.startTime)}`,
        `logged in as ${output.user}; ${counted(output.sites, 'site')}, ${counted(output.jobs, 'running job')}`,
      ].join('\n');
    case 'site':
      return `${bold(output.name)} seen ${timeText(output.lastSeen)}`;
    case 'job': {
      const hasFailed = output.status.startsWith('FINISHED') && output.status !== COMPLETED;
      // Where it was deployed it may have failed all the same.
      const problems = hasFailed ? output.detail.filter((text) => !/: ok$/i.test(text)) : [];
      return [`${output.name} ${bold(output.status)}`, ...problems.map((text) => `  ${text}`)].join('\n');
    }
    case 'submitted':
      return `submitted ${bold(output.jobId)} (${sizeText(output.bytes)})`;
    case 'log':
      return output.text;
    case 'aborted':
      return output.message;
    case 'downloaded':
      return output.folder;
    case 'progress':
      return `${output.file} ${sizeText(output.bytes)}`;
  }
}

/** The one end of a job that is a success. */
export const COMPLETED = 'FINISHED:COMPLETED';

/** What a command shows of a site. */
export function siteOutput({ name, lastConnectTime, fqcn }: ClientInfo): FlareEvent<'site'> {
  return { event: 'site', name, lastSeen: iso(lastConnectTime), fqcn: fqcn ?? null };
}

/** What a command shows of a job. */
export function jobOutput(meta: JobMeta): FlareEvent<'job'> {
  return {
    event: 'job',
    jobId: meta.jobId,
    name: meta.name,
    status: meta.status,
    submitted: iso(meta.submitTime),
    duration: meta.duration ?? null,
    submitter: meta.submitterName ?? null,
    detail: meta.deployDetail,
  };
}

/** What a command shows of the server. */
export function serverOutput(
  { server, clients, jobs }: SystemInfo,
  version: string,
  user: string,
): FlareEvent<'server'> {
  return {
    event: 'server',
    status: server.status,
    version,
    user,
    startTime: iso(server.startTime),
    sites: clients.length,
    jobs: jobs.length,
  };
}

/** The columns of a table: what each shows of an output. */
export type Columns<O> = Readonly<Record<string, (output: O) => string>>;

/** The columns of jobs. */
export const JOB_COLUMNS: Columns<FlareEvent<'job'>> = {
  ID: ({ jobId }) => jobId,
  NAME: ({ name }) => name,
  STATUS: ({ status }) => status,
  SUBMITTED: ({ submitted }) => timeText(submitted),
  DURATION: ({ duration }) => (duration ?? '').replace(/\.\d+$/, ''),
  BY: ({ submitter }) => submitter ?? '',
};

/** The columns of sites. */
export const SITE_COLUMNS: Columns<FlareEvent<'site'>> = {
  SITE: ({ name }) => name,
  SEEN: ({ lastSeen }) => timeText(lastSeen),
  CELL: ({ fqcn }) => fqcn ?? '',
};

/** A table of texts in columns that are as wide as their widest, with a head. */
export function tableLines<O>(outputs: readonly O[], columns: Columns<O>): string[] {
  const heads = Object.keys(columns);
  const body = outputs.map((output) => Object.values(columns).map((text) => printable(text(output))));
  const widths = heads.map((_, index) =>
    [heads, ...body].reduce((widest, row) => Math.max(widest, widthOf(row[index] ?? '')), 0),
  );
  return [heads, ...body].map((row) =>
    row
      .map((text, index) => pad(text, widths[index] ?? 0, 'left'))
      .join('  ')
      .trimEnd(),
  );
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function iso(time: Date | undefined): string | null {
  return time?.toISOString() ?? null;
}

/** A time of day for people, to the second, in UTC as all times of the command. */
function timeText(time: string | null): string {
  return time === null ? 'unknown' : time.replace('T', ' ').replace(/\.\d+Z$/, 'Z');
}
