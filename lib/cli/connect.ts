import { createInterface } from 'node:readline';

import {
  concat,
  debounceTime,
  defer,
  firstValueFrom,
  merge,
  startWith,
  take,
  ignoreElements,
  endWith,
} from 'rxjs';

import { Endpoint } from '../endpoint.js';
import { Communicator } from '../index.js';
import { textMessage } from '../message.js';
import { Mode } from '../transport/driver.js';
import { endRequested } from './end-requested.js';
import { examine } from './examine.js';
import { narrate, narrateMessages } from './narrate.js';
import { Printer } from './printer.js';
import { completeFromKit, type KitOptions } from './kit-options.js';
import { newName } from './reach.js';
import { asksForTls, tlsResources } from './tls-options.js';
import { NotReadyError, whenReady } from './when-ready.js';

/** The options of `rxflare connect`. */
export interface ConnectOptions extends KitOptions {
  readonly header: Readonly<Record<string, string>>;
  readonly to?: string;
  readonly app: number;
  readonly timeout: number;
  readonly linger: number;
  readonly json: boolean;
}

/** `rxflare connect`: sends lines of standard input and prints messages, until the input ends or a signal comes. */
export async function connectCommand(url: string | undefined, given: ConnectOptions): Promise<void> {
  const { app, linger, json } = given;
  const printer = new Printer(json);
  const { url: target, options, identityMap } = completeFromKit(url, given, printer);
  const local = new Endpoint(options.name ?? newName('connect', options.cert), options.property);
  const site = new Communicator(local, { identityMap });
  site.addConnector(target, Mode.ACTIVE, asksForTls(options), tlsResources(options, 'client'));
  merge(narrate(site), narrateMessages(site, app)).subscribe((output) => printer.print(output));

  const lines = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
  const sent$ = defer(() => sendLines(lines, site, options));
  const quiet$ = site.messages(app).pipe(startWith(undefined), debounceTime(linger), take(1));
  const begun$ = merge(whenReady(site, options), sent$);
  const done$ = concat(begun$.pipe(ignoreElements()), quiet$).pipe(endWith(undefined), take(1));
  try {
    const ended = firstValueFrom(merge(done$, endRequested()));
    await Promise.all([site.start(), ended]);
  } catch (error) {
    if (!(error instanceof NotReadyError)) throw error;
    await site.stop();
    await firstValueFrom(examine({ url: target, local, options, identityMap, error }, printer), {
      defaultValue: undefined,
    });
  } finally {
    lines.close();
    await site.stop();
  }
}

/** Sends each line as soon as the endpoint is READY and has room. No further line is read before that. */
async function sendLines(
  lines: AsyncIterable<string>,
  site: Communicator,
  options: ConnectOptions,
): Promise<void> {
  for await (const line of lines) {
    const endpoint = await firstValueFrom(whenReady(site, options));
    site.send(endpoint, options.app, textMessage(line, options.header));
    await firstValueFrom(site.drained(endpoint));
  }
}
