import { catchError, map, type Observable, of, take } from 'rxjs';

import { messageOf } from '../comm-error.js';
import { badFobs } from '../fobs/bad-fobs.js';
import { isPullable, type Reference } from '../fobs/datum.js';
import type { FobsDialect } from '../fobs/sections.js';
import type { FobsValue, RemoteItem } from '../fobs/value.js';
import type { Message } from '../message.js';
import { quoted } from '../quoted.js';
import { CellError } from './cell-error.js';
import type { CellMessage } from './cell-message.js';
import { type CellHeaders, Header, MessageType, textHeader } from './headers.js';
import { failureOf } from './message-headers.js';
import { mayReferTo } from './next-hop.js';
import { decodePayload, encodePayload } from './payload.js';
import { PeerDialects } from './peer-dialects.js';
import type { Outcome, Settled } from './pending-requests.js';
import type { Offer } from './reference-keeper.js';
import type { ReferencePuller } from './reference-puller.js';
import { ReturnCode } from './return-code.js';
import { referenceKey } from './source-failures.js';

/** A message as it came. */
export interface Read {
  readonly message: CellMessage;
  /**
   * The message with the arrays that are to be pulled, where there are any. Cold; they count as held until it is
   * unsubscribed.
   */
  readonly whole$?: Observable<CellMessage>;
}

const NONE: readonly Reference[] = [];

/** Writes what a cell sends, for each peer in its own dialect, and reads what comes. */
export class CellCodec {
  readonly dialects = new PeerDialects();
  readonly #fqcn: string;
  readonly #dialect: FobsDialect;
  readonly #puller: ReferencePuller;

  /** @param dialect - for cells of which nothing has come yet */
  constructor(fqcn: string, dialect: FobsDialect, puller: ReferencePuller) {
    this.#fqcn = fqcn;
    this.#dialect = dialect;
    this.#puller = puller;
  }

  /**
   * The payload as each target reads it, encoded once per dialect.
   *
   * @param offer - keeps large arrays, for those that are known to pull
   */
  encodedFor(payload: FobsValue, offer?: Offer): (target: string) => Message {
    const encoded: Partial<Record<FobsDialect | 'kept', Message>> = {};
    return (target) => {
      const known = this.dialects.of(target).fobs;
      if (offer?.isOpen === true && known === '2.7') {
        offer.receivers.add(target);
        return (encoded.kept ??= encodeKept(payload, offer));
      }
      const dialect = known ?? this.#dialect;
      return (encoded[dialect] ??= encodePayload(payload, dialect));
    };
  }

  /**
   * @throws CommError `BAD_DATA` where the payload is not what the headers say; CellError `invalid_request` where it refers to
   * what another cell keeps that has nothing to do with the neighbour
   */
  read(neighbour: string, headers: CellHeaders, { payload }: Message): Read {
    const { value, dialect, references = NONE } = decodePayload({ headers, payload });
    const { cn__origin: origin } = headers;
    if (dialect !== undefined) this.dialects.learn(origin, { fobs: dialect }, neighbour);
    const message = {
      origin,
      neighbour,
      channel: textHeader(headers, Header.CHANNEL),
      topic: textHeader(headers, Header.TOPIC),
      headers,
      payload: value,
    };
    const pullable = references.length === 0 ? NONE : references.filter(isPullable);
    if (pullable.length === 0 || this.#puller.isLazy || headers[Header.PASS_THROUGH] === true)
      return { message };
    for (const { fqcn } of pullable) {
      if (mayReferTo(this.#fqcn, neighbour, fqcn)) continue;
      const reason = `arrays of ${quoted(fqcn)} do not come from ${quoted(neighbour)}`;
      throw new CellError(ReturnCode.INVALID_REQUEST, reason, undefined, { reason });
    }
    // It is decoded anew: what it has already is let go.
    const frame = { ...message, payload: undefined };
    return { message, whole$: this.#whole(frame, pullable, { headers, payload }) };
  }

  /** The message once more, with the arrays that were pulled. */
  #whole(message: CellMessage, references: readonly Reference[], raw: Message): Observable<CellMessage> {
    return this.#puller.pullAll(references, message.neighbour, raw.payload?.length ?? 0).pipe(
      map((pulled) => {
        const resolve = ({ fqcn, refId, itemId }: RemoteItem): FobsValue =>
          pulled.get(referenceKey(fqcn, refId))?.get(itemId);
        const { value, references: missing = NONE } = decodePayload(raw, { resolve });
        if (missing.some(isPullable)) throw badFobs('the sender keeps fewer arrays than it refers to');
        return { ...message, payload: value };
      }),
    );
  }

  /** What a reply of `target` says, or a request that came back. */
  outcome(target: string, neighbour: string, headers: CellHeaders, message: Message): Settled {
    const returnCode = headers[Header.RETURN_CODE] ?? ReturnCode.OK;
    if (returnCode === ReturnCode.OK && headers.cn__msg_type === MessageType.REPLY) {
      try {
        const { message: reply, whole$ } = this.read(neighbour, headers, message);
        if (whole$ === undefined) return { target, reply: { ...reply, target } };
        return { target, reply: { ...reply, target }, whole$: outcomeOf(target, whole$) };
      } catch (cause) {
        const text = `cell ${target}: its reply cannot be read: ${messageOf(cause)}`;
        return { target, error: new CellError(ReturnCode.INVALID_REQUEST, text, target, { cause }) };
      }
    }
    return { target, error: failureOf(headers, target, 'request') };
  }
}

/** One value cannot refer to what two cells keep: what it refers to already stays, and our own arrays go along. */
function encodeKept(payload: FobsValue, offer: Offer): Message {
  try {
    return encodePayload(payload, '2.7', (array) => offer.keep(array));
  } catch {
    offer.release();
    return encodePayload(payload, '2.7');
  }
}

/** A reply that cannot be made whole is a failure like any other. */
function outcomeOf(target: string, whole$: Observable<CellMessage>): Observable<Outcome> {
  return whole$.pipe(
    take(1),
    map((message) => ({ target, reply: { ...message, target } })),
    catchError((cause: unknown) => {
      const returnCode = cause instanceof CellError ? cause.returnCode : ReturnCode.INVALID_REQUEST;
      const text = `cell ${target}: its reply is not whole: ${messageOf(cause)}`;
      return of({ target, error: new CellError(returnCode, text, target, { cause }) });
    }),
  );
}
