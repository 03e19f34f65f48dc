import { filter, firstValueFrom, lastValueFrom, map, merge, scan, take } from 'rxjs';
import { Communicator, Endpoint, Mode, type ReceivedMessage, type Resources } from 'rxflare';

import { pattern, sha256 } from '../support/pattern.js';

/** Where a party is to listen or to connect. */
export interface PartyOrder {
  readonly role: 'hub' | 'site' | 'both';
  readonly url: string;
  /** The certificates. */
  readonly resources: Resources;
}

/** What a site got back, or a hub heard. */
export interface PartyReport {
  readonly messages: number;
  /** Those that are not what was sent. */
  readonly damaged: number;
  /** The common name of the other side's certificate. */
  readonly peer?: unknown;
}

/** A hub that answers each message with itself. */
export interface Listening {
  readonly url: string;
  stop(): Promise<PartyReport>;
}

const ECHO = 7;

/** Nothing, small ones, those that are written by reference, one that a socket takes in many reads, and a flood. */
const SIZES = [0, 1, 125, 126, 9_000, 70_000, 2_500_000, ...Array.from({ length: 500 }, (_, index) => index)];

/** What a site gets back where all is well. */
export const ALL_ECHOED: PartyReport = { messages: SIZES.length, damaged: 0 };

const NOTHING: PartyReport = { messages: 0, damaged: 0 };

function noted(
  report: PartyReport,
  { endpoint, message: { headers, payload } }: ReceivedMessage,
): PartyReport {
  return {
    messages: report.messages + 1,
    damaged: report.damaged + (sha256(payload) === headers?.sha256 ? 0 : 1),
    peer: endpoint.connProps.peer_cn,
  };
}

/** Listens until it is stopped. */
export async function listen({ url, resources }: PartyOrder): Promise<Listening> {
  const hub = new Communicator(new Endpoint('hub'));
  hub.addConnector(url, Mode.PASSIVE, false, resources);
  let report = NOTHING;
  hub.registerMessageReceiver(ECHO, (received) => {
    report = noted(report, received);
    hub.send(received.endpoint, ECHO, received.message);
  });
  const listening = firstValueFrom(hub.lifecycle$.pipe(filter((event) => event.type === 'listening')));
  await hub.start();
  return {
    url: (await listening).url,
    async stop() {
      await hub.stop();
      return report;
    },
  };
}

/** Connects, sends messages of all sizes, and waits for their echoes. Fails with what its first attempt ended by. */
export async function talk({ url, resources }: PartyOrder): Promise<PartyReport> {
  const site = new Communicator(new Endpoint('site-1'));
  site.addConnector(url, Mode.ACTIVE, false, resources);
  const failed$ = site.lifecycle$.pipe(
    filter((event) => event.type === 'retrying'),
    map(({ error }): never => {
      throw error ?? new Error('the connection ended');
    }),
  );
  const echoed = lastValueFrom(
    merge(failed$, site.messages(ECHO)).pipe(scan(noted, NOTHING), take(SIZES.length)),
  );
  site
    .ready('hub')
    .pipe(take(1))
    .subscribe((hub) => {
      for (const [seed, size] of SIZES.entries()) {
        const payload = pattern(size, seed);
        site.send(hub, ECHO, { headers: { sha256: sha256(payload) }, payload });
      }
    });
  try {
    await site.start();
    return await echoed;
  } finally {
    await site.stop();
  }
}
