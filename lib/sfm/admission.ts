import {
  concat,
  defer,
  EMPTY,
  filter,
  ignoreElements,
  interval,
  merge,
  mergeMap,
  type Observable,
  of,
  Subject,
  takeUntil,
  throwError,
  timer,
} from 'rxjs';

import { CommError, CommErrorCode, messageOf } from '../comm-error.js';
import { type Endpoint, EndpointState } from '../endpoint.js';
import type { CallbackErrorEvent } from '../lifecycle.js';
import type { ResolvedOptions } from '../options.js';
import { takeRequest } from '../transport/handshake-requests.js';
import { callVerifyHook } from './call-verify-hook.js';
import type { LookUp } from './endpoint-registry.js';
import { endOf } from './end-of.js';
import { flapDelayMs, NO_FLAPS } from './flap-damping.js';
import { lookAt, noteAsked } from './heartbeat.js';
import { nameTaken } from './name-taken.js';
import type { Session } from './session.js';
import type { SessionLife } from './session-life.js';
import type { Admitted, Decide } from './with-admission.js';

/** The longest that a newcomer waits under a name that two endpoints fight for. */
const MAX_DAMPING_MS = 10_000;

/** How often an incumbent is looked at for a sign of life. */
const LOOK_EVERY_MS = 50;

/**
 * Decides who comes in, once the session has checked name and certificate: first the user's hook is asked, then
 * the name must be free, or become so.
 */
export class Admission {
  /** What the hook threw. */
  readonly errors$: Observable<CallbackErrorEvent>;
  /** Incumbents to be asked for a sign of life. */
  readonly asks$: Observable<SessionLife>;

  readonly #options: ResolvedOptions;
  readonly #seat: LookUp;
  readonly #errors = new Subject<CallbackErrorEvent>();
  readonly #asks = new Subject<SessionLife>();
  /** Both sides time the handshake, and most likely by the same time: half of it leaves room for the rest. */
  readonly #patienceMs: number;

  constructor(options: ResolvedOptions, seat: LookUp) {
    this.#options = options;
    this.#seat = seat;
    this.#patienceMs = options.handshakeTimeoutMs / 2;
    this.errors$ = this.#errors.asObservable();
    this.asks$ = this.#asks.asObservable();
  }

  /** {@inheritDoc Decide} */
  readonly decide: Decide = (session, endpoint) =>
    concat(
      this.#verify(session, endpoint),
      this.#options.duplicateName === 'newcomer'
        ? this.#waitItsTurn(endpoint.name)
        : this.#outlive(endpoint.name),
      defer(() => of(this.#admitted(endpoint.name))),
    );

  #admitted(name: string): Admitted {
    return { at: this.#options.scheduler.now(), over: this.#incumbent(name) };
  }

  /** The live session that has a name now. */
  #incumbent(name: string): Session | undefined {
    const session = this.#seat(name)?.session;
    return session?.isReady === true ? session : undefined;
  }

  #verify({ role, connection }: Session, endpoint: Endpoint): Observable<never> {
    const { scheme, mode } = role;
    const request = takeRequest(connection);
    const candidate = {
      endpoint: endpoint.withState(EndpointState.IDLE),
      connection: connection.properties,
      scheme,
      mode,
      ...(request === undefined ? {} : { request }),
    };
    return callVerifyHook(this.#options.verifyEndpoint, candidate, (thrown) => {
      const error = new CommError(
        CommErrorCode.ERROR,
        `verifyEndpoint failed on ${endpoint.name} at ${connection.properties.peer_addr}: ${messageOf(thrown)}`,
        { cause: thrown },
      );
      this.#errors.next({ type: 'callback-error', callback: 'verifyEndpoint', error });
    });
  }

  /** The newcomer wins, but not as often as two that fight for a name can reconnect. */
  #waitItsTurn(name: string): Observable<never> {
    const { scheduler } = this.#options;
    return defer(() => {
      const incumbent = this.#incumbent(name);
      const maxMs = Math.min(MAX_DAMPING_MS, this.#patienceMs);
      const delayMs = flapDelayMs(this.#seat(name)?.flaps ?? NO_FLAPS, scheduler.now(), maxMs);
      if (incumbent === undefined || delayMs === 0) return EMPTY;
      return timer(delayMs, scheduler).pipe(ignoreElements(), takeUntil(endOf(incumbent)));
    });
  }

  /** The incumbent stays, as long as it lives. */
  #outlive(name: string): Observable<never> {
    return defer(() => {
      const incumbent = this.#incumbent(name);
      if (incumbent === undefined) return EMPTY;
      return concat(
        this.#untilDead(incumbent, name),
        // Another newcomer may have been faster.
        defer(() => (this.#incumbent(name) === incumbent ? EMPTY : this.#outlive(name))),
      );
    });
  }

  /**
   * Asks an incumbent for a sign of life, once, and gives it as long as the heartbeat does: it may be busy. Errors when
   * it lives, or may do so; completes when it ends, or is dead. What is left of the time decides at the next attempt,
   * since a newcomer cannot wait longer than its handshake may take.
   */
  #untilDead(incumbent: Session, name: string): Observable<never> {
    const { heartbeatTimeoutMs, scheduler } = this.#options;
    const taken$ = throwError(() => nameTaken(incumbent, name));
    // Silence does not tell such a one from a dead one.
    if (!incumbent.role.heartbeat || incumbent.isPaused || heartbeatTimeoutMs === 0) return taken$;
    const now = scheduler.now();
    const { activity, askedAt } = lookAt(incumbent, now);
    if (askedAt === undefined) {
      noteAsked(incumbent, now);
      this.#asks.next({ type: 'ask', session: incumbent });
    }
    const deadInMs = (askedAt ?? now) + heartbeatTimeoutMs - now;
    const lives$ = interval(LOOK_EVERY_MS, scheduler).pipe(
      filter(() => incumbent.activity !== activity),
      mergeMap(() => taken$),
    );
    const decided$ = timer(Math.max(0, Math.min(deadInMs, this.#patienceMs)), scheduler);
    return concat(
      lives$.pipe(takeUntil(merge(endOf(incumbent), decided$))),
      defer(() => {
        const mayLive = deadInMs > this.#patienceMs || incumbent.activity !== activity;
        return mayLive && incumbent.isReady ? taken$ : EMPTY;
      }),
    );
  }
}
