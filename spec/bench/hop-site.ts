/** A site that answers, as a process of its own. */
import { answerRequests } from './child.js';
import { answer, connected } from './systems/rxflare.js';

/** What the process of its replica asks of it. */
export interface SiteRequest {
  readonly connectTo: string;
}

answerRequests(async ({ connectTo }: SiteRequest) => answer(await connected('site-1', connectTo, 'hub')));
