import { map } from 'rxjs';

import type { CellMessage } from '../cellnet/index.js';
import { askAsCell, type AskOptions } from './cells-ask.js';
import { payloadOf, type PayloadOptions, type Place } from './cells-options.js';
import { plainOf } from './cells-value.js';
import { type Output, Printer } from './printer.js';

/** The options of `rxflare request`. */
export interface RequestCommandOptions extends AskOptions, Place, PayloadOptions {
  readonly header: Readonly<Record<string, string>>;
}

/** `rxflare request`: asks a cell, and prints its reply. */
export async function requestCommand(url: string | undefined, given: RequestCommandOptions): Promise<void> {
  const { channel, topic, header: headers, json } = given;
  const printer = new Printer(json);
  const payload = payloadOf(given);
  await askAsCell(url, given, printer, 'request', (cell, target) =>
    cell
      .request(target, channel, topic, payload, { headers })
      .pipe(map((reply) => tellCellMessage('reply', reply))),
  );
}

/** What is shown of a request that others send, in characters, about: a line of a log. */
const REQUEST_LENGTH = 1_000;

/** A request, of which only the beginning is shown, or a reply in the words of the command. */
export function tellCellMessage(event: 'request' | 'reply', message: CellMessage): Output {
  const { origin, channel, topic, payload } = message;
  const value = event === 'request' ? plainOf(payload, REQUEST_LENGTH) : plainOf(payload);
  return { event, from: origin, channel, topic, value };
}
