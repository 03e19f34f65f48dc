import type { TrainingReport } from '../training-report.js';

export type { Fault, MetricSeries, TrainingReport } from '../training-report.js';

/**
 * The app ID of questions and answers. Both are JSON in UTF-8 without headers. All times are milliseconds since 1970, all
 * durations milliseconds; `null` is what nothing tells, and a page shows it as unknown.
 */
export const FEDERATION_APP_ID = 29_288;

/** The largest answer, in bytes: a page parses none that is larger, and a back end says so in its place. */
export const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** The properties of the endpoint that answers: so a page knows a federation from a hub. */
export const FEDERATION_PROPERTIES = { rxflare_role: 'federation' } as const;

/**
 * What a page asks. The first four are answered now and on each change, until the page stops, or nothing changes any more; the
 * others do something, and are answered once it is done. Where the back end is read-only, it refuses `abort`, `clone` and
 * `delete` with `REFUSED`.
 */
export type FederationQuestion =
  | { readonly ask: 'system' }
  | { readonly ask: 'jobs' }
  | { readonly ask: 'job'; readonly jobId: string }
  /** `site` is `server`, or a site that streams its log to the server. */
  | { readonly ask: 'log'; readonly jobId: string; readonly site: string }
  | { readonly ask: 'abort'; readonly jobId: string }
  | { readonly ask: 'clone'; readonly jobId: string }
  | { readonly ask: 'delete'; readonly jobId: string }
  /** Fetches the result to the back end, and makes a link for it. It is good while the page waits for more answers. */
  | { readonly ask: 'download'; readonly jobId: string };

/** What is answered, by what is asked. */
export interface FederationAnswers {
  readonly system: SystemReport;
  readonly jobs: JobsReport;
  readonly job: JobReport;
  readonly log: LogPart;
  /** What the server says to it. */
  readonly abort: { readonly text: string };
  /** The ID of the new job. */
  readonly clone: { readonly jobId: string };
  readonly delete: { readonly jobId: string };
  readonly download: ResultProgress;
}

/** What a page sends. It chooses the ID; every answer repeats it. */
export type FederationRequest =
  (FederationQuestion & { readonly id: number }) | { readonly ask: 'stop'; readonly id: number };

/** What comes back. After `ended` and `failed` nothing does. A page that falls behind gets the latest report and no other. */
export type FederationResponse =
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly type: 'ended'; readonly id: number }
  | ({ readonly type: 'failed'; readonly id: number } & Failure);

/** Why something failed. */
export interface Failure {
  /** One of `CommErrorCode`. */
  readonly code: string;
  /** One of `FlareStatus`; `null` where the federation has no part in it. */
  readonly status: string | null;
  /** For people: what failed, and what to do. */
  readonly text: string;
}

/** The federation as a whole. */
export interface SystemReport {
  /** When this was so, by the clock of the back end. */
  readonly at: number;
  readonly session: {
    /** `reconnecting`: the server is away, and everything else is as it was before. `ended`: for good. */
    readonly state: 'connected' | 'reconnecting' | 'ended';
    /** Why it has ended. */
    readonly text: string | null;
  };
  readonly project: string;
  /** Who the back end is logged in as. */
  readonly user: string;
  readonly role: string | null;
  readonly org: string | null;
  readonly study: string;
  /** Whether the page may only look. */
  readonly isReadOnly: boolean;
  /** The most that the files of a dropped job may have in all, in bytes; `null` where this back end takes none. */
  readonly maxJobBytes: number | null;
  /** What is unsafe about the startup kit, or ends soon; one sentence each. */
  readonly warnings: readonly string[];
  /** `null` before the server has answered. */
  readonly server: {
    /** Of NVFlare. */
    readonly version: string;
    /** In its own words: `started` while a job runs, else `stopped`. */
    readonly status: string;
    readonly startTime: number | null;
  } | null;
  /** By name. */
  readonly sites: readonly SiteReport[];
}

/** A site. */
export interface SiteReport {
  readonly name: string;
  /**
   * `connected`: heard of lately; `silent`: registered, but not heard of for 90 s (sites are heard of every 30 s); `gone`: it was
   * there while this back end runs, and the server does not list it any more.
   */
  readonly state: 'connected' | 'silent' | 'gone';
  /** By the clock of the server. */
  readonly lastSeen: number | null;
  /** The IDs of the jobs that it says it runs. */
  readonly jobs: readonly string[] | null;
  /** Such as `gpu`, `4`; in the words of the site. */
  readonly resources: readonly (readonly [name: string, amount: string])[] | null;
  /** Of NVFlare; from 2.8 on. */
  readonly version: string | null;
}

/** The jobs of the study. */
export interface JobsReport {
  readonly at: number;
  /** The latest first. */
  readonly jobs: readonly JobSummary[];
  /** How many older ones are left out; `null` where they are too many to be counted. */
  readonly omitted: number | null;
}

/** A job in short. */
export interface JobSummary {
  readonly jobId: string;
  readonly name: string;
  /** In the words of the server, such as `RUNNING`, `FINISHED:COMPLETED`. */
  readonly status: string;
  /** What that means. */
  readonly outcome: 'waiting' | 'running' | 'completed' | 'aborted' | 'failed';
  readonly submitTime: number | null;
  /** When it began to run. */
  readonly startTime: number | null;
  /** How long it has run: until its end, or until `at` of the report. */
  readonly durationMs: number | null;
  readonly submitter: string | null;
}

/** A job in full. */
export interface JobReport {
  readonly at: number;
  readonly job: JobSummary & {
    readonly submitterOrg: string | null;
    readonly submitterRole: string | null;
    readonly study: string | null;
  };
  /** What it went through, the earliest first. */
  readonly timeline: readonly TimelineEntry[];
  /** What came of deploying it, by site and `server`; empty before. */
  readonly deployment: readonly { readonly site: string; readonly isOk: boolean; readonly text: string }[];
  /** Who takes part, with `server` first: of each a log can be asked for. */
  readonly participants: readonly string[];
  readonly training: TrainingReport;
}

/** A step of a job. */
export interface TimelineEntry {
  /** In the words of the server. */
  readonly status: string;
  readonly at: number | null;
  /** Whether the server tells the time, or the back end was watching when it happened. */
  readonly source: 'server' | 'seen';
}

/** Some of a log. */
export interface LogPart {
  /** What was added; at first what there is. */
  readonly text: string;
  /** How many characters before it were left out, since they are too many. */
  readonly skipped: number;
  /** Whether it begins anew: what was shown before is of another run. */
  readonly isAnew: boolean;
  /** Why there is no log, for people; `null` where there is one. */
  readonly obstacle: string | null;
}

/** How far the result of a job is. */
export type ResultProgress =
  | { readonly type: 'receiving'; readonly receivedBytes: number }
  /** It can be fetched as a zip, once, by `GET` of this path relative to the page, without headers. */
  | { readonly type: 'ready'; readonly path: string; readonly fileName: string };

/**
 * The answer to `POST jobs` (relative to the page; `Authorization: Bearer` with the session of the page), whose body is a
 * `FormData` with one file for each file of the job: its field name is the path of the file, beginning with the name of the
 * folder, such as `fedavg/app/config/config_fed_server.json`, and that name is the name of the job. The answer is JSON lines,
 * of which the last is `submitted` or `failed`, whatever the HTTP status.
 */
export type SubmissionLine =
  | { readonly type: 'sending'; readonly sentBytes: number; readonly totalBytes: number }
  | { readonly type: 'submitted'; readonly jobId: string }
  | ({ readonly type: 'failed' } & Failure);

/** The most that the files of a dropped job may have in all, in bytes, where the back end has no other limit. */
export const MAX_DROPPED_BYTES = 256 * 1024 * 1024;
