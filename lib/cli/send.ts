import { buffer } from 'node:stream/consumers';

import {
  defer,
  filter,
  firstValueFrom,
  ignoreElements,
  map,
  merge,
  type Observable,
  of,
  switchMap,
  take,
  takeUntil,
  throwError,
  timeout as timeLimit,
} from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import { Endpoint } from '../endpoint.js';
import { Communicator } from '../index.js';
import type { Message } from '../message.js';
import type { ReceivedMessage } from '../received-message.js';
import { Mode } from '../transport/driver.js';
import { interrupted } from './end-requested.js';
import { examine } from './examine.js';
import { completeFromKit, type KitOptions } from './kit-options.js';
import { tellMessage } from './narrate.js';
import { type Output, Printer } from './printer.js';
import { newName } from './reach.js';
import { asksForTls, tlsResources } from './tls-options.js';
import { NotReadyError, whenReady } from './when-ready.js';

/** The options of `rxflare send`. */
export interface SendOptions extends KitOptions {
  readonly header: Readonly<Record<string, string>>;
  readonly to?: string;
  readonly app: number;
  readonly timeout: number;
  /** How long to wait for an answer, in milliseconds; absent for none. */
  readonly wait?: number;
  readonly json: boolean;
}

/**
 * `rxflare send`: one message, and the first answer where that is asked for.
 *
 * @param words - the URL, which a kit may have, and the text; the text is standard input where it is not given
 */
export async function sendCommand(words: readonly string[], given: SendOptions): Promise<void> {
  const printer = new Printer(given.json);
  const [asked, text] = given.kit !== undefined && words.length < 2 ? [undefined, ...words] : words;
  const { url, options, identityMap } = completeFromKit(asked, given, printer);
  const { name, cert, property, header: headers } = options;
  const payload = text === undefined ? await buffer(process.stdin) : new TextEncoder().encode(text);
  const local = new Endpoint(name ?? newName('send', cert), property);
  const site = new Communicator(local, { identityMap });
  site.addConnector(url, Mode.ACTIVE, asksForTls(options), tlsResources(options, 'client'));
  const lost = firstValueFrom(undelivered(site), { defaultValue: undefined });
  const done$ = exchange(site, { headers, payload }, options).pipe(takeUntil(interrupted()));
  try {
    const done = firstValueFrom(done$, { defaultValue: undefined });
    await site.start();
    const result = await done;
    await site.stop();
    const error = await lost;
    if (error !== undefined) throw error;
    if (result !== undefined) tell(result, printer, given.json || process.stdout.isTTY);
  } catch (error) {
    await site.stop();
    if (!(error instanceof NotReadyError)) throw error;
    await firstValueFrom(examine({ url, local, options, identityMap, error }, printer), {
      defaultValue: undefined,
    });
  }
}

/** The answer of a pipe is its bytes and nothing else, so that a script can use them. */
function tell(result: Sent | ReceivedMessage, printer: Printer, isForPeople: boolean): void {
  if ('event' in result) printer.print(result);
  else if (isForPeople) printer.print(tellMessage(result));
  else process.stdout.write(result.message.payload ?? new Uint8Array(0));
}

type Sent = Extract<Output, { event: 'sent' }>;

/** Sends the message as soon as its receiver is READY. Emits the answer, or that it is sent. */
function exchange(
  site: Communicator,
  message: Message,
  options: SendOptions,
): Observable<Sent | ReceivedMessage> {
  const { app, wait } = options;
  return whenReady(site, options).pipe(
    switchMap((endpoint) => {
      const { name } = endpoint;
      const sent = defer(() => {
        site.send(endpoint, app, message);
        return of<Sent>({ event: 'sent', to: name, app, bytes: message.payload?.length ?? 0 });
      });
      if (wait === undefined) return sent;
      const late = new CommError(CommErrorCode.TIMEOUT, `${name} did not answer in ${wait} ms`);
      const answer$ = site.messages(app).pipe(
        filter((received) => received.endpoint.name === name),
        take(1),
        timeLimit({ first: wait, with: () => throwError(() => late) }),
      );
      return merge(answer$, sent.pipe(ignoreElements()));
    }),
  );
}

/** An error where the connection ended before the system had the message. */
function undelivered(site: Communicator): Observable<CommError> {
  return site.lifecycle$.pipe(
    filter((event) => event.type === 'dropped' && event.reason === 'disconnected'),
    map(() => new CommError(CommErrorCode.CLOSED, 'the connection ended before the message was out')),
  );
}
