import { defer, filter, finalize, map, type Observable, take, takeWhile } from 'rxjs';

import type { Communicator } from '../communicator.js';
import type { Message } from '../message.js';
import { ask } from './ask.js';
import { MonitorAppIds } from './monitor-app-ids.js';
import { newQuestionId } from './question.js';
import { relayQuestion } from './relay-protocol.js';
import { sendIfPossible } from './send-when-room.js';
import { WATCH_DEFAULTS, type WatchOptions } from './watch-options.js';
import { whileReady } from './while-ready.js';

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
 * Cold: each subscription sends the message. Emits once and completes when `send` has accepted it there.
 *
 * Errors with the CommError of that `send`; `BAD_CONFIG` where we may not, or not under this app ID; `BAD_DATA` for
 * an answer that breaks the protocol; `TIMEOUT` where the relay does not answer.
 *
 * @param to - the name of the endpoint, at most 1,024 characters
 */
export function sendThrough(
  communicator: Communicator,
  relayName: string,
  to: string,
  appId: number,
  { headers, payload }: Message,
  options?: WatchOptions,
): Observable<void> {
  const settings = { ...WATCH_DEFAULTS, appId: MonitorAppIds.RELAY, ...options };
  return defer(() => {
    const request = { type: 'send', id: newQuestionId(), to, app: appId, inner: headers } as const;
    return ask(communicator, relayName, relayQuestion(request, payload), settings).pipe(
      take(1),
      map(() => undefined),
    );
  });
}
