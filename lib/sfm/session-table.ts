import { BehaviorSubject, defer, distinctUntilChanged, finalize, map, type Observable } from 'rxjs';

import type { ConnectionStats } from '../stats.js';
import type { Connection } from '../transport/connection.js';
import { handshakeTimeout } from './handshake-timeout.js';
import { heartbeat } from './heartbeat.js';
import type { MessageRouter } from './message-router.js';
import { Session } from './session.js';
import type { SessionContext, SessionRole } from './session-context.js';
import type { SessionLife } from './session-life.js';
import { settle } from './settle.js';
import { type Decide, withAdmission } from './with-admission.js';

/** What the sessions of a communicator need to know of it. */
export interface SessionTableContext extends SessionContext {
  /** Who may come in. */
  readonly decide: Decide;
}

/** The live sessions, and their heartbeat. */
export class SessionTable {
  /** PINGs and verdicts of the heartbeat, while subscribed. */
  readonly heartbeat$: Observable<SessionLife>;
  /** Whether there are sessions, now and on each change. */
  readonly hasSessions$: Observable<boolean>;

  readonly #context: SessionTableContext;
  readonly #sessions = new Set<Session>();
  readonly #count = new BehaviorSubject(0);

  constructor(context: SessionTableContext) {
    this.#context = context;
    this.hasSessions$ = this.#count.pipe(
      map((count) => count > 0),
      distinctUntilChanged(),
    );
    const { heartbeatIntervalMs, heartbeatTimeoutMs, scheduler } = context.options;
    const times = { intervalMs: heartbeatIntervalMs, timeoutMs: heartbeatTimeoutMs };
    this.heartbeat$ = heartbeat(() => this.#hearts(), times, scheduler).pipe(
      map(({ type, heart }) => ({ type, session: heart })),
    );
  }

  /** The life of one connection, from its handshake to its end. */
  run(connection: Connection, role: SessionRole): Observable<SessionLife> {
    const { options, decide } = this.#context;
    const { handshakeTimeoutMs, settleTimeoutMs, scheduler } = options;
    return defer(() => {
      const session = new Session(connection, role, this.#context);
      this.#sessions.add(session);
      this.#count.next(this.#sessions.size);
      return session.events$.pipe(
        withAdmission(decide),
        handshakeTimeout(handshakeTimeoutMs, scheduler),
        settle(settleTimeoutMs, scheduler),
        finalize(() => {
          this.#sessions.delete(session);
          this.#count.next(this.#sessions.size);
        }),
      );
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
