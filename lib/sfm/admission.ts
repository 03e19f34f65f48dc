import {
  catchError,
  concat,
  defer,
  EMPTY,
  endWith,
  filter,
  ignoreElements,
  interval,
  map,
  merge,
  type Observable,
  type Observer,
  takeUntil,
  throwError,
  timer,
} from 'rxjs';

import { CommError, CommErrorCode, messageOf } from '../comm-error.js';
import { type Endpoint, EndpointState } from '../endpoint.js';
import type { LifecycleEvent } from '../lifecycle.js';
import type { ResolvedOptions } from '../options.js';
import type { EndpointRegistry } from './endpoint-registry.js';
import type { Session } from './session.js';
import { verify } from './verify.js';

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
  readonly #registry: EndpointRegistry;
  readonly #lifecycle: Observer<LifecycleEvent>;
  /** Both sides time the handshake, and most likely by the same time: half of it leaves room for the rest. */
  readonly #patienceMs: number;

  constructor(options: ResolvedOptions, registry: EndpointRegistry, lifecycle: Observer<LifecycleEvent>) {
    this.#options = options;
    this.#registry = registry;
    this.#lifecycle = lifecycle;
    this.#patienceMs = options.handshakeTimeoutMs / 2;
  }

  /** {@inheritDoc Admit} */
  readonly ask = (session: Session, endpoint: Endpoint): Observable<never> =>
    concat(
      this.#verify(session, endpoint),
      this.#options.duplicateName === 'newcomer'
        ? this.#waitItsTurn(endpoint.name)
        : this.#outlive(endpoint.name),
    );

  #verify({ role, connection }: Session, endpoint: Endpoint): Observable<never> {
    const { scheme, mode } = role;
    const candidate = {
      endpoint: endpoint.withState(EndpointState.IDLE),
      connection: connection.properties,
      scheme,
      mode,
    };
    return verify(this.#options.verifyEndpoint, candidate, (thrown) => {
      const detail = `verifyEndpoint failed on ${endpoint.name} at ${connection.properties.peer_addr}`;
      const error = new CommError(CommErrorCode.ERROR, `${detail}: ${messageOf(thrown)}`, { cause: thrown });
      this.#lifecycle.next({ type: 'callback-error', callback: 'verifyEndpoint', error });
    });
  }

  /** The newcomer wins, but not as often as two that fight for a name can reconnect. */
  #waitItsTurn(name: string): Observable<never> {
    const { scheduler } = this.#options;
    return defer(() => {
      const incumbent = this.#registry.incumbent(name);
      const maxMs = Math.min(MAX_DAMPING_MS, this.#patienceMs);
      const delayMs = this.#registry.peer(name)?.flaps.delayMs(scheduler.now(), maxMs) ?? 0;
      if (incumbent === undefined || delayMs === 0) return EMPTY;
      return timer(delayMs, scheduler).pipe(ignoreElements(), takeUntil(endOf(incumbent)));
    });
  }

  /** The incumbent stays, as long as it lives. */
  #outlive(name: string): Observable<never> {
    return defer(() => {
      const incumbent = this.#registry.incumbent(name);
      if (incumbent === undefined) return EMPTY;
      return concat(
        this.#untilDead(incumbent, name),
        // Another newcomer may have been faster.
        defer(() => (this.#registry.incumbent(name) === incumbent ? EMPTY : this.#outlive(name))),
      );
    });
  }

  /** Asks an incumbent for a sign of life. Errors when it gives one; completes when it ends, or gives none. */
  #untilDead(incumbent: Session, name: string): Observable<never> {
    const { heartbeatTimeoutMs, scheduler } = this.#options;
    const taken = () => nameTaken(incumbent, name);
    // Such a one cannot be told from a dead one by silence, as in the heartbeat.
    if (!incumbent.role.heartbeat || incumbent.isPaused || heartbeatTimeoutMs === 0)
      return throwError(() => taken());
    const { activity } = incumbent;
    incumbent.ping();
    const patienceMs = Math.min(heartbeatTimeoutMs, this.#patienceMs);
    return interval(Math.min(LOOK_EVERY_MS, patienceMs / 4), scheduler).pipe(
      filter(() => incumbent.activity !== activity),
      map(() => {
        throw taken();
      }),
      takeUntil(merge(endOf(incumbent), timer(patienceMs, scheduler))),
    );
  }
}

/** Emits when a session's connection has ended. */
function endOf({ connection }: Session): Observable<undefined> {
  return connection.closed$.pipe(
    catchError(() => EMPTY),
    endWith(undefined),
  );
}

function nameTaken({ connection: { name, properties } }: Session, endpointName: string): CommError {
  return new CommError(
    CommErrorCode.NOT_READY,
    `the name ${endpointName} is taken by ${name} (${properties.peer_addr}), which lives, and duplicateName is 'incumbent'`,
  );
}
