import { type Observable, Subject } from 'rxjs';

import { messageOf } from '../comm-error.js';
import { logger } from '../log.js';
import { quoted } from '../quoted.js';
import { type CellHeaders, Header, textHeader } from './headers.js';

const log = logger('cellnet');

/** A request that failed here: at its handler, or since it could not be read. */
export interface HandlerError {
  readonly channel: string;
  readonly topic: string;
  /** The cell that asked, as it says itself. */
  readonly origin: string;
  /** What the handler threw, why what it returned has no form on the wire, or why the request could not be read. */
  readonly error: unknown;
}

/** Requests that failed here. */
export class HandlerErrors {
  readonly errors$: Observable<HandlerError>;
  readonly #errors = new Subject<HandlerError>();

  constructor() {
    this.errors$ = this.#errors.asObservable();
  }

  note(headers: CellHeaders, error: unknown): void {
    const { cn__origin: origin } = headers;
    const [channel, topic] = [textHeader(headers, Header.CHANNEL), textHeader(headers, Header.TOPIC)];
    log(
      'the handler of %s failed on a request of %s: %s',
      placeOf(headers),
      quoted(origin),
      messageOf(error),
    );
    this.#errors.next({ channel, topic, origin, error });
  }

  /** Nothing failed: nobody handles the channel and topic. */
  noteMissing(headers: CellHeaders): void {
    log('no handler for a request of %s: %s', quoted(headers.cn__origin), placeOf(headers));
  }

  complete(): void {
    this.#errors.complete();
  }
}

function placeOf(headers: CellHeaders): string {
  return `${quoted(textHeader(headers, Header.CHANNEL))}, ${quoted(textHeader(headers, Header.TOPIC))}`;
}
