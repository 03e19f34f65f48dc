/** Some of the sites of the scale benchmark, in a process of its own. */
import { firstValueFrom, from, lastValueFrom, mergeMap, type Observable } from 'rxjs';

import { connectionProperties } from '../certificates.js';
import { answerRequests } from '../child.js';
import { Communicator, type CommunicatorOf, Endpoint, Mode, TcpDriver } from '../package.js';
import { Balancer } from './balancer.js';
import { Counter } from './counter.js';
import { APP, nameOf, PAYLOAD } from './message.js';
import { MuxDriver } from './mux-driver.js';

/** What the main process asks of a process with sites. */
export type SitesRequest =
  | {
      readonly do: 'join';
      /** Of the hub, or of all its replicas. */
      readonly urls: readonly string[];
      readonly first: number;
      readonly count: number;
    }
  | { readonly do: 'receive' | 'send' | 'leave' };

/** So many sites of a process are in the middle of joining or leaving at a time. */
const AT_A_TIME = 25;
/** After a restart the hub is to be measured, and not how long its sites wait. */
const SOON = { maxReconnectDelayMs: 1_000 };
/** More sites of a process than this wait as long as they do by default: two cores have no time for so many each second. */
const MOST_SOON = 5_000;

const sites: CommunicatorOf[] = [];
const received = new Counter();

answerRequests(async (request: SitesRequest): Promise<unknown> => {
  switch (request.do) {
    case 'join': {
      const { urls, first, count } = request;
      const balancer = new Balancer([new TcpDriver(), new MuxDriver()], urls);
      await each(
        Array.from({ length: count }, (_, index) => first + index),
        (index) => join(balancer, index, count),
      );
      return undefined;
    }
    case 'receive':
      return received.take(sites.length);
    case 'send':
      for (const site of sites) site.send('hub', APP, { payload: PAYLOAD });
      return undefined;
    case 'leave':
      return each(sites, (site) => site.stop());
  }
});

async function join(balancer: Balancer, index: number, count: number): Promise<void> {
  const endpoint = new Endpoint(nameOf(index), {}, connectionProperties(balancer.transport, 'site-1'));
  const site = new Communicator(endpoint, count > MOST_SOON ? {} : SOON);
  site.drivers.register(balancer);
  site.registerMessageReceiver(APP, () => received.add());
  site.addConnector('balanced://hub', Mode.ACTIVE);
  await site.start();
  await firstValueFrom(site.ready('hub'));
  sites.push(site);
}

function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const all$: Observable<void> = from(items).pipe(mergeMap(work, AT_A_TIME));
  return lastValueFrom(all$, { defaultValue: undefined });
}
