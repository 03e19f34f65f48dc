/**
 * `rxflare/flare/dashboard`: what a page and the back end of a federation's dashboard say to each other, for the page. For
 * browsers and Node.
 *
 * @module rxflare/flare/dashboard
 */
export { askFederation, type Asking, FederationFailure } from './ask-federation.js';
export {
  type Failure,
  FEDERATION_APP_ID,
  FEDERATION_PROPERTIES,
  type FederationAnswers,
  type FederationQuestion,
  type FederationRequest,
  type FederationResponse,
  type JobReport,
  type JobsReport,
  type JobSummary,
  type LogPart,
  MAX_DROPPED_BYTES,
  type ResultProgress,
  type SiteReport,
  type SubmissionLine,
  type SystemReport,
  type TimelineEntry,
} from './protocol.js';
