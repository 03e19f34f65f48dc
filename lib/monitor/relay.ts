import { defer, filter, finalize, ignoreElements, map, type Observable, take, takeWhile } from 'rxjs';

import type { Communicator } from '../communicator.js';
import type { Message } from '../message.js';
import { ask, askNow } from './ask.js';
import { MonitorAppIds } from './monitor-app-ids.js';
import { newQuestionId } from './question.js';
import { relayQuestion } from './relay-protocol.js';

import { sendIfPossible } from './send-when-room.js';
import { WATCH_DEFAULTS, type WatchOptions } from './watch-options.js';
import { whileReady } from './while-ready.js';

export { EVERYONE } from './relay-protocol.js';

/** A message that a relay passed on. */
export interface RelayedMessage {
  /** The endpoint that sent it. */
  readonly from: string;
  readonly appId: number;
  readonly message: Message;
  /** How many messages before this one were left out because our queue at the relay was full. */
  readonly missed: number;
}

/**
 * The messages that another communicator receives, where it called `serveRelay`. Cold. It waits while that is away,
 * asks again when it comes back, completes and errors as `watchStats` does.
 */
export function relayedMessages(
  communicator: Communicator,
  relayName: string,
  options?: WatchOptions,
): Observable<RelayedMessage> {
  const settings = { ...WATCH_DEFAULTS, appId: MonitorAppIds.RELAY, ...options };
  const answer$ = defer(() => {
    const id = newQuestionId();
    const { message: stop } = relayQuestion({ type: 'stop', id });
    return ask(communicator, relayName, relayQuestion({ type: 'watch', id }), settings).pipe(
      finalize(() => sendIfPossible(communicator, relayName, settings.appId, stop)),
    );
  });
  return whileReady(communicator, relayName, () => answer$).pipe(
    takeWhile(({ type }) => type !== 'ended'),
    filter((answer) => answer.type === 'message'),
    map(({ from, app: appId, inner: headers, payload, missed }) => {
      return { from, appId, message: { headers, payload }, missed };
    }),
  );
}

/**
 * Sends a message to an endpoint of another communicator that called `serveRelay`, in the name of that communicator.
 * Cold: each subscription sends the message. Emits once and completes when `send` has accepted it there: how
 * many endpoints it goes to.
 *
 * Errors at once with `CLOSED` or `NOT_READY` where the relay is not READY, as `send` throws; with the CommError of that `send`; `REFUSED` where we may not, `BAD_CONFIG` under an app ID that is not relayed; `BAD_DATA` for an answer that breaks the protocol; `TIMEOUT` where the relay does not answer.
 *
 * @param to - the name of the endpoint, at most 1,024 characters; {@link EVERYONE} for all that are READY and no
 *   watchers, of which those are left out whose queue is full
 */
export function sendThrough(
  communicator: Communicator,
  relayName: string,
  to: string,
  appId: number,
  { headers, payload }: Message,
  options?: WatchOptions,
): Observable<number> {
  const settings = { ...WATCH_DEFAULTS, appId: MonitorAppIds.RELAY, ...options };
  return defer(() => {
    const request = { type: 'send', id: newQuestionId(), to, app: appId, inner: headers } as const;
    return askNow(communicator, relayName, relayQuestion(request, payload), settings).pipe(
      take(1),
      map((answer) => (answer.type === 'done' ? (answer.endpoints ?? 1) : 0)),
    );
  });
}

/**
 * Has another communicator disconnect one of its endpoints, by `removeEndpoint`: what waits is written, then the
 * connection is closed. An endpoint that reconnects by itself comes back. Cold. Completes when that has begun.
 *
 * Errors as `sendThrough` does; `BAD_CONFIG` where the relay disconnects nobody.
 */
export function disconnectThrough(
  communicator: Communicator,
  relayName: string,
  to: string,
  options?: WatchOptions,
): Observable<never> {
  const settings = { ...WATCH_DEFAULTS, appId: MonitorAppIds.RELAY, ...options };
  return defer(() =>
    askNow(communicator, relayName, relayQuestion({ type: 'disconnect', id: newQuestionId(), to }), settings),
  ).pipe(take(1), ignoreElements());
}
