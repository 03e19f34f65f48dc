import {
  catchError,
  concat,
  EMPTY,
  filter,
  finalize,
  map,
  merge,
  mergeMap,
  type Observable,
  of,
  skip,
  Subject,
  type Subscription,
  takeUntil,
  tap,
  throwError,
} from 'rxjs';
import { isMatching, P } from 'ts-pattern';

import { CommError, CommErrorCode } from '../../comm-error.js';
import type { Endpoint } from '../../endpoint.js';
import type { Communicator } from '../../index.js';
import { type Message, textMessage } from '../../message.js';
import { readJson } from '../../read-json.js';
import { requireOptions } from '../../require-options.js';
import type { FlareSession } from '../session.js';
import { answersOf, type AnswerOptions } from './answers.js';
import { failureOf } from './failure-of.js';
import { joinParts } from './log-parts.js';
import {
  FEDERATION_APP_ID,
  type FederationRequest,
  type FederationResponse,
  type LogPart,
  MAX_ANSWER_BYTES,
} from './protocol.js';
import { whenRoom } from './when-room.js';

/** How {@link serveFederation} serves. */
export interface ServeFederationOptions extends AnswerOptions {
  /** Whether an endpoint may ask. Default: every endpoint may. */
  readonly allow?: (endpoint: Endpoint) => boolean;
  /** How many questions may be open at a time, of all endpoints together. 1 or more. Default: 256. */
  readonly maxQuestions?: number;
}

/** The largest request that is parsed, in bytes. */
const MAX_REQUEST_BYTES = 4_096;

const ID = P.string.minLength(1);
const isRequest = isMatching(
  P.union(
    { ask: P.union('system', 'jobs', 'stop'), id: P.number },
    { ask: P.union('job', 'abort', 'clone', 'delete', 'download'), id: P.number, jobId: ID },
    { ask: 'log', id: P.number, jobId: ID, site: ID },
  ),
);

/**
 * Answers pages that ask by `askFederation` of `rxflare/flare/dashboard`, with what a session knows and may do. All who may ask
 * act as the user of the session: let `allow` accept nobody else than the pages of that user. The key and tokens of the
 * session are in no answer.
 *
 * An endpoint that falls behind gets the latest report, and no other. A request above 4 KB is not parsed, and not answered.
 *
 * @returns unsubscribing ends the service
 * @throws CommError `BAD_CONFIG` where the app ID has a receiver already, or an option is out of range
 */
export function serveFederation(
  communicator: Pick<Communicator, 'drained' | 'endpoint' | 'registerMessageReceiver' | 'send'>,
  session: FlareSession,
  { allow = () => true, maxQuestions = 256, ...options }: ServeFederationOptions = {},
): Subscription {
  requireOptions({ maxQuestions }, { maxQuestions: 0 }, 'serveFederation', {
    maxQuestions: [1, Number.POSITIVE_INFINITY],
  });
  const asked = new Subject<{ readonly endpoint: Endpoint; readonly request: FederationRequest }>();
  const answers = answersOf(session, options);
  let open = 0;

  const sendMessage = (name: string, message: Message): void => {
    communicator.send(name, FEDERATION_APP_ID, message);
  };
  const send = (name: string, response: FederationResponse): void => sendMessage(name, encoded(response));
  const serve = (name: string, request: Exclude<FederationRequest, { ask: 'stop' }>): Observable<unknown> => {
    const { id } = request;
    const room = (): Observable<unknown> => communicator.drained(name);
    const answer$ = (open < maxQuestions ? answers(request) : tooMany(maxQuestions)).pipe(
      whenRoom(room, (earlier, later) =>
        request.ask === 'log' ? joinParts(earlier as LogPart, later as LogPart) : later,
      ),
      map((value) => requireSize(encoded({ type: 'answer', id, value }))),
    );
    const again$ = asked.pipe(filter((next) => next.request.id === id && next.endpoint.name === name));
    const gone$ = communicator.endpoint(name).pipe(skip(1));
    open += 1;
    return concat(answer$, of(encoded({ type: 'ended', id }))).pipe(
      catchError((error: unknown) => of(encoded({ type: 'failed', id, ...failureOf(error) }))),
      tap((message) => sendMessage(name, message)),
      // It has gone in the meantime.
      catchError(() => EMPTY),
      finalize(() => (open -= 1)),
      takeUntil(merge(again$, gone$)),
    );
  };
  const serving = asked
    .pipe(
      mergeMap(({ endpoint: { name }, request }) => (request.ask === 'stop' ? EMPTY : serve(name, request))),
    )
    .subscribe();
  const service = communicator.registerMessageReceiver(FEDERATION_APP_ID, ({ endpoint, message }) => {
    const request = requestIn(message);
    if (request === undefined) return;
    if (allow(endpoint)) asked.next({ endpoint, request });
    else if (request.ask !== 'stop')
      send(endpoint.name, { type: 'failed', id: request.id, ...notAllowed(endpoint) });
  });
  service.add(serving);
  return service;
}

/** `undefined` for what is no request: an endpoint may send anything. */
function requestIn(message: Message): FederationRequest | undefined {
  try {
    const value = readJson(message, MAX_REQUEST_BYTES);
    return isRequest(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function encoded(response: FederationResponse): Message {
  return textMessage(JSON.stringify(response));
}

/** @throws CommError `BAD_DATA` for an answer that a page would not parse */
function requireSize(message: Message): Message {
  const bytes = message.payload?.length ?? 0;
  if (bytes <= MAX_ANSWER_BYTES) return message;
  const text = `the answer has ${bytes} bytes, and a page takes ${MAX_ANSWER_BYTES}: ask with the rxflare flare command`;
  throw new CommError(CommErrorCode.BAD_DATA, text);
}

function notAllowed({ name }: Endpoint) {
  return failureOf(new CommError(CommErrorCode.REFUSED, `endpoint ${name} may not ask: "allow" says no`));
}

function tooMany(limit: number): Observable<never> {
  const text = `${limit} questions are open already: close a page, or raise maxQuestions`;
  return throwError(() => new CommError(CommErrorCode.NOT_READY, text));
}
