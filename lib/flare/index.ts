/**
 * `rxflare/flare`: an NVFlare federation from TypeScript, as `flare_api` gives it to Python. For Node.
 *
 * @module rxflare/flare
 */
export { connectSession } from './connect-session.js';
export type { CommandReply, ReplyItem } from './command-reply.js';
export type { AnswerOptions } from './dashboard/answers.js';
export { isFinished, type JobMeta, type JobStatus } from './described-job.js';
export type { DownloadOptions, DownloadProgress } from './download-result.js';
export { serveFederation, type ServeFederationOptions } from './dashboard/serve-federation.js';
export { FlareError, type FlareErrorOptions, FlareStatus } from './flare-error.js';
export type { JobContent, JobInMemory, JobSource } from './job-folder.js';
export type { DeletedJob, Facts, JobLogs } from './reported.js';
export { FlareSession } from './session.js';
export type {
  ListJobsOptions,
  MonitorOptions,
  StudySites,
  TargetOptions,
  TargetType,
} from './session-arguments.js';
export type { CommandOptions, SessionState } from './session-core.js';
export type { SessionOptions } from './session-options.js';
export type { SubmitOptions, SubmitProgress } from './submit-job.js';
export type { ClientInfo, SystemInfo } from './system-info.js';
export type { Fault, MetricSeries, TrainingReport } from './training-report.js';
export type { WatchedJob } from './watched-job.js';
export type { ExtractLimits } from './zip-extract.js';
