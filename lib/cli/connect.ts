import { createInterface } from 'node:readline';

import {
  concat,
  concatMap,
  debounceTime,
  filter,
  firstValueFrom,
  from,
  map,
  merge,
  startWith,
  switchMap,
  take,
  ignoreElements,
  endWith,
} from 'rxjs';

import { Endpoint, isReady } from '../endpoint.js';
import { Communicator } from '../index.js';
import { textMessage } from '../message.js';
import { Mode } from '../transport/driver.js';
import { endRequested } from './end-requested.js';
import { narrate, narrateMessages } from './narrate.js';
import { Printer } from './printer.js';
import { completeFromKit, type KitOptions } from './kit-options.js';
import { newName } from './reach.js';
import { asksForTls, tlsResources } from './tls-options.js';

/** The options of `rxflare connect`. */
export interface ConnectOptions extends KitOptions {
  readonly to?: string;
  readonly app: number;
  readonly linger: number;
  readonly json: boolean;
}

/** `rxflare connect`: sends lines of standard input and prints messages, until the input ends or a signal comes. */
export async function connectCommand(url: string | undefined, given: ConnectOptions): Promise<void> {
  const { app, linger, json } = given;
  const printer = new Printer(json);
  const { url: target, options, identityMap } = completeFromKit(url, given, printer);
  const name = options.name ?? newName('connect', options.cert);
  const site = new Communicator(new Endpoint(name), { identityMap });
  site.addConnector(target, Mode.ACTIVE, asksForTls(options), tlsResources(options, 'client'));
  merge(narrate(site), narrateMessages(site, app)).subscribe((output) => printer.print(output));

  const lines = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
  const sent$ = from(lines).pipe(concatMap((line) => sendWhenReady(site, options, line)));
  const quiet$ = site.messages(app).pipe(startWith(undefined), debounceTime(linger), take(1));
  const done$ = concat(sent$.pipe(ignoreElements()), quiet$).pipe(endWith(undefined), take(1));
  const ended = firstValueFrom(merge(done$, endRequested()));
  await site.start();
  await ended;
  lines.close();
  await site.stop();
}

/** Sends a line as soon as the endpoint is READY; completes when its queue has room for the next one. */
function sendWhenReady(site: Communicator, { to, app }: ConnectOptions, line: string) {
  return site.endpoints$.pipe(
    map((endpoints) => (to === undefined ? [...endpoints.values()].find(isReady) : endpoints.get(to))),
    filter(isReady),
    take(1),
    switchMap((endpoint) => {
      site.send(endpoint, app, textMessage(line));
      return site.drained(endpoint);
    }),
  );
}
