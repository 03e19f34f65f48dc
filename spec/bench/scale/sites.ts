/** Some of the sites of the scale benchmark, in a process of its own. */
import { firstValueFrom, merge, mergeMap, from, lastValueFrom, type Observable, take } from 'rxjs';

import { answerRequests } from '../child.js';
import { Communicator, type CommunicatorOf, Endpoint, Mode } from '../package.js';
import { APP, PAYLOAD } from './message.js';

/** What the main process asks of a process with sites. */
export type SitesRequest =
  | { readonly do: 'join'; readonly url: string; readonly first: number; readonly count: number }
  | { readonly do: 'receive' | 'send' | 'leave' };

/** So many sites of a process are in the middle of joining or leaving at a time. */
const AT_A_TIME = 25;
const sites: CommunicatorOf[] = [];

answerRequests(async (request: SitesRequest): Promise<unknown> => {
  switch (request.do) {
    case 'join': {
      const { url, first, count } = request;
      await each(
        Array.from({ length: count }, (_, index) => first + index),
        (index) => join(url, index),
      );
      return undefined;
    }
    case 'receive':
      await lastValueFrom(merge(...sites.map((site) => site.messages(APP).pipe(take(1)))));
      return undefined;
    case 'send':
      for (const site of sites) site.send('hub', APP, { payload: PAYLOAD });
      return undefined;
    case 'leave':
      return each(sites, (site) => site.stop());
  }
});

async function join(url: string, index: number): Promise<void> {
  const site = new Communicator(new Endpoint(`site-${index}`));
  site.addConnector(url, Mode.ACTIVE);
  await site.start();
  await firstValueFrom(site.ready('hub'));
  sites.push(site);
}

function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const all$: Observable<void> = from(items).pipe(mergeMap(work, AT_A_TIME));
  return lastValueFrom(all$, { defaultValue: undefined });
}
