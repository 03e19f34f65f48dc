import { defer, filter, finalize, map, type Observable, take, takeWhile } from 'rxjs';

import type { Communicator } from '../communicator.js';
import type { Message } from '../message.js';
import { ask, ASK_DEFAULTS, newQuestionId, type WatchOptions, whileReady } from './ask.js';
import { sendIfPossible } from './courtesy.js';
import { MonitorAppIds } from './monitor-app-ids.js';
import { relayQuestion } from './relay-protocol.js';

/** A message that a relay passed on. */
export interface RelayedMessage {
  /** The endpoint that sent it. */
  readonly from: string;
  readonly appId: number;
  readonly message: Message;
  /** How many before it were left out, since there was no room for them. */
  readonly missed: number;
}

/**
 * What the endpoints of another communicator send to it, where that called `serveRelay`. Cold, and lasting, as
 * `watchStats` is; it completes and errors in the same way.
 */
export function relayedMessages(
  communicator: Communicator,
  relayName: string,
  options?: WatchOptions,
): Observable<RelayedMessage> {
  const settings = { ...ASK_DEFAULTS, appId: MonitorAppIds.RELAY, ...options };
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
 * Sends a message to an endpoint of another communicator, in the name of that, where it called `serveRelay`. Cold:
 * it is sent when subscribed. Emits once and completes when the relay has accepted it as `send` accepts.
 *
 * Errors with the CommError that `send` had there; `BAD_CONFIG` where we may not, or not under this app ID;
 * `TIMEOUT` where the relay does not answer.
 */
export function sendThrough(
  communicator: Communicator,
  relayName: string,
  to: string,
  appId: number,
  { headers, payload }: Message,
  options?: WatchOptions,
): Observable<void> {
  const settings = { ...ASK_DEFAULTS, appId: MonitorAppIds.RELAY, ...options };
  return defer(() => {
    const request = { type: 'send', id: newQuestionId(), to, app: appId, inner: headers } as const;
    return ask(communicator, relayName, relayQuestion(request, payload), settings).pipe(
      take(1),
      map(() => undefined),
    );
  });
}
