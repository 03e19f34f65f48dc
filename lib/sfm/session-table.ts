import {
  catchError,
  concat,
  defer,
  EMPTY,
  finalize,
  ignoreElements,
  type Observable,
  type Subscription,
  take,
  timeout,
} from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { ConnectionStats } from '../stats.js';
import type { Connection } from '../transport/connection.js';
import { admit, admitAll } from './admit.js';
import { handshakeTimeout } from './handshake-timeout.js';
import { heartbeat } from './heartbeat.js';
import type { MessageRouter } from './message-router.js';
import type { OutboundQueue } from './outbound-queue.js';
import { Session, type SessionContext, type SessionEvent, type SessionRole } from './session.js';
import { settle } from './settle.js';

/** The live sessions: their beginning, their heartbeat and their end in good order. */
export class SessionTable {
  readonly #context: SessionContext;
  readonly #sessions = new Set<Session>();

  constructor(context: SessionContext) {
    this.#context = context;
  }

  /** The life of one connection as events, from its handshake to its end. */
  run(connection: Connection, role: SessionRole): Observable<SessionEvent> {
    const { options, admission = admitAll } = this.#context;
    const { handshakeTimeoutMs, settleTimeoutMs, scheduler } = options;
    return defer(() => {
      const session = new Session(connection, role, this.#context);
      this.#sessions.add(session);
      return session.events$.pipe(
        admit(admission),
        handshakeTimeout(handshakeTimeoutMs, scheduler),
        settle(settleTimeoutMs, scheduler),
        finalize(() => this.#sessions.delete(session)),
      );
    });
  }

  /** PINGs silent peers and closes dead connections, until unsubscribed. */
  watch(): Subscription {
    const { heartbeatIntervalMs, heartbeatTimeoutMs, scheduler } = this.#context.options;
    const times = { intervalMs: heartbeatIntervalMs, timeoutMs: heartbeatTimeoutMs };
    return heartbeat(() => this.#hearts(), times, scheduler).subscribe(({ type, heart }) => {
      if (type === 'ping') heart.ping();
      else heart.giveUp(heartbeatTimeoutMs);
    });
  }

  /** What went over each live connection. */
  get stats(): readonly ConnectionStats[] {
    const { router } = this.#context;
    return [...this.#sessions].map((session) => statsOf(session, router));
  }

  /** The live sessions of some connectors. */
  of(handles: ReadonlySet<string>): readonly Session[] {
    return [...this.#sessions].filter(({ role }) => handles.has(role.handle));
  }

  /**
   * Closes a session once everything in its queue is written, or at once when that takes longer than
   * `drainTimeoutMs`. Completes when the connection has ended.
   */
  drain(session: Session, queue: OutboundQueue | undefined): Observable<never> {
    const { drainTimeoutMs, scheduler } = this.#context.options;
    const detail = `${session.connection.name}: not drained within ${drainTimeoutMs} ms`;
    const late = () => ended(session, new CommError(CommErrorCode.TIMEOUT, detail));
    const written$ =
      queue === undefined || queue.content.messages === 0 ? EMPTY : queue.emptied$.pipe(take(1));
    const closed$ = concat(
      written$.pipe(ignoreElements()),
      defer(() => ended(session)),
    );
    return closed$.pipe(timeout({ first: drainTimeoutMs, with: late, scheduler }));
  }

  *#hearts(): Generator<Session> {
    for (const session of this.#sessions) if (session.isReady && session.role.heartbeat) yield session;
  }
}

function statsOf({ connection, role, endpoint, traffic }: Session, router: MessageRouter): ConnectionStats {
  const { local_addr, peer_addr, tls } = connection.properties;
  return {
    name: connection.name,
    handle: role.handle,
    scheme: role.scheme,
    ...(endpoint === undefined ? {} : { endpointName: endpoint.name }),
    localAddr: local_addr,
    peerAddr: peer_addr,
    ...(tls === undefined ? {} : { tls }),
    sent: traffic.sent.toTally(),
    received: traffic.received.toTally(),
    buffered: { messages: connection.bufferedFrames, bytes: connection.bufferedBytes },
    pendingBytes: router.pendingBytes(connection),
    isPaused: connection.isPaused,
  };
}

/**
 * Closes a session and waits for its end by the stream, which comes in the same turn, or virtual time, as the end
 * itself; a promise would come later.
 */
function ended(session: Session, reason?: CommError): Observable<never> {
  void session.close(reason);
  return session.connection.closed$.pipe(catchError(() => EMPTY));
}
