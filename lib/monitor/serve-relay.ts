import {
  exhaustMap,
  merge,
  type Observable,
  startWith,
  Subject,
  type Subscription,
  takeUntil,
  tap,
} from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { Communicator } from '../communicator.js';
import type { Endpoint } from '../endpoint.js';
import type { Message } from '../message.js';
import type { ReceivedMessage } from '../received-message.js';
import { MonitorAppIds } from './monitor-app-ids.js';
import { EVERYONE, readRequest, type RelayAnswer, type RelayRequest } from './relay-protocol.js';
import { sendIfPossible, whenRoom } from './send-when-room.js';
import { mayWatch, notAllowed, serveWatchers, type WatcherLimits, type WatchRequest } from './watchers.js';

/** What {@link serveRelay} relays, and for whom. */
export interface ServeRelayOptions {
  /** Who may watch and send. */
  readonly allow: WatcherLimits['allow'];
  /** How many may watch at a time. Default: 32. */
  readonly maxWatchers?: number;
  /** The app IDs whose messages are relayed, both ways. */
  readonly apps: readonly number[];
  /** Whether they may also disconnect endpoints, by `disconnectThrough`. Default: false. */
  readonly disconnect?: boolean;
  /** The app ID of requests and answers. Default: `MonitorAppIds.RELAY`. */
  readonly appId?: number;
}

/**
 * Relays messages between chosen endpoints and the other endpoints of this communicator: a page, say, and all sites
 * of a hub. `sendThrough` sends in the name of this communicator; `relayedMessages` emits what this communicator
 * receives under the relayed app IDs. `allow` decides who may do both.
 *
 * A message that comes while the queue of a watcher is full is left out, and the next message counts it as missed.
 * So a slow watcher costs at most `highWaterMarkBytes` and one message for each of its watches, and never more than
 * `maxQueuedBytes`. Messages are passed on by reference, not copied. `sendThrough` is accepted as `send` is, up to
 * `maxQueuedBytes` for each endpoint. Other receivers of an app ID still get its messages; relaying an app ID counts
 * as listening to it.
 *
 * @returns unsubscribing ends the service, and tells the watchers so
 * @throws CommError `BAD_CONFIG` where the app ID has a receiver already
 */
export function serveRelay(communicator: Communicator, options: ServeRelayOptions): Subscription {
  const { apps, allow, maxWatchers = 32, disconnect = false, appId = MonitorAppIds.RELAY } = options;
  const requests = new Subject<WatchRequest>();
  const end = new Subject<void>();
  const messages$ = merge(...apps.map((app) => communicator.messages(app)));

  const answer = (name: string, content: RelayAnswer, payload?: Uint8Array): boolean =>
    sendIfPossible(communicator, name, appId, { headers: { ...content }, payload });

  const serve = ({ endpoint: { name }, id }: WatchRequest): Observable<unknown> => {
    let missed = 0;
    const forward = ({ endpoint, appId: app, message: { headers, payload } }: ReceivedMessage): void => {
      const before = missed - 1;
      const content = {
        type: 'message',
        id,
        from: endpoint.name,
        app,
        inner: headers,
        missed: before,
      } as const;
      if (answer(name, content, payload)) missed = 0;
    };
    answer(name, { type: 'done', id });
    return messages$.pipe(
      tap(() => (missed += 1)),
      startWith(undefined), // So that the first message, too, waits for room in the queue.
      exhaustMap((received) => {
        if (received !== undefined) forward(received);
        return whenRoom(communicator, name);
      }),
      takeUntil(end.pipe(tap(() => answer(name, { type: 'ended', id })))),
    );
  };
  const refuse = ({ name }: Endpoint, id: number, thrown: unknown): unknown => {
    const { code, message } = CommError.from(thrown);
    return answer(name, { type: 'refused', id, code, text: message });
  };
  const send = ({ to, app, inner }: SendRequest, payload?: Uint8Array): number => {
    if (!apps.includes(app)) throw notRelayed(app, apps);
    const message = { headers: inner, payload };
    if (to === EVERYONE) return sendToAll(communicator, app, message);
    communicator.send(to, app, message);
    return 1;
  };
  const drop = ({ to }: DisconnectRequest): number => {
    if (!disconnect) throw new CommError(CommErrorCode.BAD_CONFIG, 'this relay disconnects no endpoint');
    communicator.removeEndpoint(to);
    return 1;
  };
  const act = (endpoint: Endpoint, request: SendRequest | DisconnectRequest, payload?: Uint8Array): void => {
    const { id } = request;
    try {
      if (!mayWatch(endpoint, allow)) throw notAllowed(endpoint);
      const endpoints = request.type === 'send' ? send(request, payload) : drop(request);
      answer(endpoint.name, { type: 'done', id, endpoints });
    } catch (error) {
      refuse(endpoint, id, error);
    }
  };

  const service = communicator.registerMessageReceiver(appId, ({ endpoint, message }) => {
    const request = readRequest(message);
    if (request?.type === 'send' || request?.type === 'disconnect') act(endpoint, request, message.payload);
    else if (request !== undefined) requests.next({ ...request, endpoint });
  });
  service.add(() => end.next()); // Before the watchers are unsubscribed, which is added below.
  const limits = { allow, maxWatchers };
  service.add(
    serveWatchers(communicator, requests, limits, serve, ({ endpoint, id }, error) =>
      refuse(endpoint, id, error),
    ).subscribe(),
  );
  return service;
}

type SendRequest = Extract<RelayRequest, { type: 'send' }>;
type DisconnectRequest = Extract<RelayRequest, { type: 'disconnect' }>;

/** Sends to all endpoints but the watchers. One whose queue is full is left out. Returns how many take it. */
function sendToAll(communicator: Communicator, app: number, message: Message): number {
  let endpoints = 0;
  for (const { name, isWatcher } of communicator.stats().endpoints)
    if (isWatcher === undefined && sendIfPossible(communicator, name, app, message)) endpoints += 1;
  return endpoints;
}

function notRelayed(app: number, apps: readonly number[]): CommError {
  return new CommError(CommErrorCode.BAD_CONFIG, `app ID ${app} is not relayed, only ${apps.join(', ')}`);
}
