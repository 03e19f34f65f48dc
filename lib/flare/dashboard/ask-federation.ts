import {
  defer,
  filter,
  finalize,
  ignoreElements,
  map,
  merge,
  type Observable,
  skip,
  takeUntil,
  takeWhile,
  tap,
} from 'rxjs';
import { isMatching, P } from 'ts-pattern';

import { CommError, CommErrorCode } from '../../comm-error.js';
import { isReady } from '../../endpoint.js';
import type { Communicator } from '../../index.js';
import { textMessage } from '../../message.js';
import { readJson } from '../../read-json.js';
import {
  type Failure,
  FEDERATION_APP_ID,
  type FederationAnswers,
  type FederationQuestion,
  type FederationRequest,
  type FederationResponse,
  MAX_ANSWER_BYTES,
} from './protocol.js';

const isResponse = isMatching(
  P.union(
    { type: 'answer', id: P.number, value: P.any },
    { type: 'ended', id: P.number },
    { type: 'failed', id: P.number, code: P.string, status: P.union(P.string, null), text: P.string },
  ),
);

/** What a back end could not do. */
export class FederationFailure extends CommError {
  override readonly name = 'FederationFailure';
  /** One of `FlareStatus`; `null` where the federation has no part in it. */
  readonly status: string | null;

  /** See the fields. */
  constructor({ code, status, text }: Failure) {
    super(Object.values(CommErrorCode).find((each) => each === code) ?? CommErrorCode.ERROR, text);
    this.status = status;
  }
}

/** What of a communicator asks. */
export type Asking = Pick<Communicator, 'drained' | 'endpoint' | 'findEndpoint' | 'messages' | 'send'>;

let lastId = 0;

/**
 * Asks a back end that calls `serveFederation`, for a page. Cold: subscribing asks, unsubscribing stops. It completes when
 * there is nothing more to say.
 *
 * Errors with {@link FederationFailure} for what the back end cannot do; CommError `CLOSED` when it is not connected, or
 * disconnects, `BAD_DATA` for what breaks the protocol.
 *
 * @param server - the name of the endpoint that answers
 */
export function askFederation<A extends FederationQuestion['ask']>(
  communicator: Asking,
  server: string,
  question: Extract<FederationQuestion, { ask: A }>,
): Observable<FederationAnswers[A]> {
  return defer(() => {
    const id = ++lastId;
    let isOpen = false;
    const send = (request: FederationRequest): void => {
      communicator.send(server, FEDERATION_APP_ID, textMessage(JSON.stringify(request)));
    };
    const sent$ = communicator.drained(server).pipe(
      tap(() => {
        isOpen = true;
        send({ ...question, id });
      }),
      ignoreElements(),
    );
    const gone$ = communicator.endpoint(server).pipe(
      skip(1),
      map((): never => {
        throw new CommError(CommErrorCode.CLOSED, `${server} has disconnected`);
      }),
    );
    const answers$ = communicator.messages(FEDERATION_APP_ID).pipe(
      filter(({ endpoint }) => endpoint.name === server),
      map(({ message }) => responseIn(readJson(message, MAX_ANSWER_BYTES))),
      filter((response) => response.id === id),
      tap(({ type }) => (isOpen = type === 'answer')),
      takeWhile(({ type }) => type !== 'ended'),
      map((response) => {
        if (response.type === 'failed') throw new FederationFailure(response);
        return (response.type === 'answer' ? response.value : undefined) as FederationAnswers[A];
      }),
    );
    return merge(answers$, sent$).pipe(
      finalize(() => {
        if (isOpen && isReady(communicator.findEndpoint(server))) send({ ask: 'stop', id });
      }),
      takeUntil(gone$),
    );
  });
}

/** @throws CommError `BAD_DATA` */
function responseIn(value: unknown): FederationResponse {
  if (isResponse(value)) return value;
  throw new CommError(
    CommErrorCode.BAD_DATA,
    'bad answer: a field is absent or has a value of the wrong type',
  );
}
