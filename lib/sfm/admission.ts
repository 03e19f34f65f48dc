import {
  catchError,
  concat,
  defer,
  EMPTY,
  filter,
  ignoreElements,
  interval,
  merge,
  mergeMap,
  NEVER,
  type Observable,
  of,
  takeUntil,
  throwError,
  timer,
} from 'rxjs';

import type { Replica } from '../cluster-contract.js';
import { CommError, CommErrorCode } from '../comm-error.js';
import { type Endpoint, EndpointState } from '../endpoint.js';
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
import type { Decide } from './with-admission.js';

/** The longest that a newcomer waits under a name that two endpoints fight for. */
const MAX_DAMPING_MS = 10_000;

/** How often an incumbent is looked at for a sign of life. */
const LOOK_EVERY_MS = 50;

/**
 * Decides who comes in, once the session has checked name and certificate: first the user's hook is asked, then
 * the name must be free, or become so.
 */
export class Admission {
  readonly #options: ResolvedOptions;
  readonly #seat: LookUp;
  readonly #claim: Replica['claim'];
  /** Both sides time the handshake, and most likely by the same time: half of it leaves room for the rest. */
  readonly #patienceMs: number;

  /** @param claim - takes the name in the cluster. Default: there is none */
  constructor(options: ResolvedOptions, seat: LookUp, claim: Replica['claim'] = () => EMPTY) {
    this.#options = options;
    this.#seat = seat;
    this.#claim = claim;
    this.#patienceMs = options.handshakeTimeoutMs / 2;
  }

  /** {@inheritDoc Decide} */
  readonly decide: Decide = (session, endpoint) =>
    concat(
      this.#verify(session, endpoint),
      this.#options.duplicateName === 'newcomer'
        ? this.#waitItsTurn(endpoint.name)
        : this.outlive(endpoint.name),
      this.#claim(endpoint),
      defer(() => of(this.#admit(session, endpoint))),
    );

  #admit(session: Session, endpoint: Endpoint): SessionLife {
    const at = this.#options.scheduler.now();
    return { type: 'admitted', session, endpoint, at, over: this.#incumbent(endpoint.name) };
  }

  /** The live session that has a name now. */
  #incumbent(name: string): Session | undefined {
    const session = this.#seat(name)?.session;
    return session?.isReady === true ? session : undefined;
  }

  #verify(session: Session, endpoint: Endpoint): Observable<SessionLife> {
    const { connection, role } = session;
    const { scheme, mode } = role;
    const request = takeRequest(connection);
    const candidate = {
      endpoint: endpoint.withState(EndpointState.IDLE),
      connection: connection.properties,
      scheme,
      mode,
      ...(request === undefined ? {} : { request }),
    };
    return callVerifyHook(this.#options.verifyEndpoint, candidate).pipe(
      catchError((thrown: unknown) => {
        const error = CommError.from(thrown);
        const isFailure = error.code === CommErrorCode.ERROR;
        const failed$ = isFailure ? of<SessionLife>({ type: 'unverified', session, endpoint, error }) : EMPTY;
        return concat(
          failed$,
          throwError(() => error),
        );
      }),
    );
  }

  /** The newcomer wins, but not as often as two that fight for a name can reconnect. */
  #waitItsTurn(name: string): Observable<never> {
    const { scheduler } = this.#options;
    return defer(() => {
      const seat = this.#seat(name);
      const incumbent = this.#incumbent(name);
      const maxMs = Math.min(MAX_DAMPING_MS, this.#patienceMs);
      const delayMs = flapDelayMs(seat?.flaps ?? NO_FLAPS, scheduler.now(), maxMs);
      const isTaken = incumbent !== undefined || seat?.replica !== undefined;
      if (!isTaken || delayMs === 0) return EMPTY;
      const ended$ = incumbent === undefined ? NEVER : endOf(incumbent);
      return timer(delayMs, scheduler).pipe(ignoreElements(), takeUntil(ended$));
    });
  }

  /** The incumbent stays, as long as it lives: completes when there is none, errors when it lives. */
  outlive(name: string): Observable<SessionLife> {
    return defer(() => {
      const incumbent = this.#incumbent(name);
      if (incumbent === undefined) return EMPTY;
      return concat(
        this.#untilDead(incumbent, name),
        // Another newcomer may have been faster.
        defer(() => (this.#incumbent(name) === incumbent ? EMPTY : this.outlive(name))),
      );
    });
  }

  /**
   * Asks an incumbent for a sign of life, once, and gives it as long as the heartbeat does: it may be busy. Errors when
   * it lives, or may do so; completes when it ends, or is dead. What is left of the time decides at the next attempt,
   * since a newcomer cannot wait longer than its handshake may take.
   */
  #untilDead(incumbent: Session, name: string): Observable<SessionLife> {
    const { heartbeatTimeoutMs, scheduler } = this.#options;
    const taken$ = throwError(() => nameTaken(incumbent, name));
    // Silence does not tell such a one from a dead one.
    if (!incumbent.role.heartbeat || incumbent.isPaused || heartbeatTimeoutMs === 0) return taken$;
    const now = scheduler.now();
    const { activity, askedAt } = lookAt(incumbent, now);
    if (askedAt === undefined) noteAsked(incumbent, now);
    const ask$ = askedAt === undefined ? of<SessionLife>({ type: 'ask', session: incumbent }) : EMPTY;
    const deadInMs = (askedAt ?? now) + heartbeatTimeoutMs - now;
    const lives$ = interval(LOOK_EVERY_MS, scheduler).pipe(
      filter(() => incumbent.activity !== activity),
      mergeMap(() => taken$),
    );
    const decided$ = timer(Math.max(0, Math.min(deadInMs, this.#patienceMs)), scheduler);
    return concat(
      ask$,
      lives$.pipe(takeUntil(merge(endOf(incumbent), decided$))),
      defer(() => {
        const mayLive = deadInMs > this.#patienceMs || incumbent.activity !== activity;
        return mayLive && incumbent.isReady ? taken$ : EMPTY;
      }),
    );
  }
}
