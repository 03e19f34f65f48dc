import {
  BehaviorSubject,
  catchError,
  concat,
  defer,
  EMPTY,
  filter,
  finalize,
  firstValueFrom,
  from,
  map,
  merge,
  mergeMap,
  type Observable,
  of,
  ReplaySubject,
  type SchedulerLike,
  Subject,
  Subscription,
  switchMap,
  takeUntil,
  tap,
  throttleTime,
  throwError,
  timeout,
} from 'rxjs';

import { match } from 'ts-pattern';

import { CommError, CommErrorCode } from '../comm-error.js';
import { logger } from '../log.js';
import type { Connection } from './connection.js';
import { ConnectionLimiter, type ConnectionLimits, type LimitReport } from './connection-limiter.js';
import { type Driver, type DriverParams, type HandshakeFailure, Mode } from './driver.js';
import { mergeMany } from './merge-many.js';
import { reconnect, type Retry } from './reconnect.js';
import { describeParams } from './url.js';

const log = logger('connector');

/** The options of a communicator that a connector needs. */
export interface ConnectorOptions extends ConnectionLimits {
  readonly connectTimeoutMs: number;
  readonly reconnectDelayMs: number;
  readonly maxReconnectDelayMs: number;
  readonly reconnectResetMs: number;
  readonly reconnectJitter: number;
  readonly scheduler: SchedulerLike;
}

/** Where a connector is in its life. */
export type ConnectorState =
  | { readonly type: 'idle' }
  | { readonly type: 'starting' }
  | { readonly type: 'listening'; readonly url: string }
  | { readonly type: 'connected' }
  | { readonly type: 'retrying'; readonly delayMs: number; readonly error?: CommError }
  | { readonly type: 'stopped' };

const STOPPED: ConnectorState = { type: 'stopped' };

/** A connector to look at: its state, its connections and their frames. */
export interface ConnectorView {
  /** `CH00001`, as NVFlare names them. */
  readonly handle: string;
  readonly mode: Mode;
  /** For messages. */
  readonly url: string;
  /** The state now, and each change. */
  readonly state$: Observable<ConnectorState>;
  /** The live connections, and each new one. */
  readonly connections$: Observable<Connection>;
  /** Frames of all connections as they come. */
  readonly frames$: Observable<Uint8Array>;
}

/** The last handshake that failed, and how many have. */
export interface FailureReport extends HandshakeFailure {
  readonly connections: number;
}

/** The least time between two reports of failed handshakes. */
const FAILURE_REPORT_MS = 1_000;

/** What a run of the driver shows. */
type Progress =
  | Extract<ConnectorState, { type: 'listening' | 'connected' }>
  | { type: 'connection'; connection: Connection }
  | { type: 'failure'; failure: HandshakeFailure };

/*
 *   idle --start()--> starting --> connected | listening --end--> retrying --wait--> connected | listening ...
 *     \__________________\______________________\__________________\____ stop() --> stopped
 *
 *   starting | retrying --an attempt fails--> retrying
 */

/** Keeps one driver, mode and set of parameters alive, and shows all connections that come of it. */
export class Connector implements ConnectorView {
  readonly handle: string;
  readonly mode: Mode;
  readonly driver: Driver;
  readonly params: DriverParams;
  readonly url: string;
  readonly state$: Observable<ConnectorState>;
  readonly connections$: Observable<Connection>;
  readonly frames$: Observable<Uint8Array>;
  /** Tells when a listener closes connections because it is at one of its limits. */
  readonly limited$: Observable<LimitReport>;
  /** Failed handshakes of a listener, at most one report a second. */
  readonly failed$: Observable<FailureReport>;

  readonly #options: ConnectorOptions;
  readonly #state = new BehaviorSubject<ConnectorState>({ type: 'idle' });
  readonly #connections = new Subject<Connection>();
  readonly #failures = new Subject<HandshakeFailure>();
  readonly #live = new Set<Connection>();
  readonly #limiter: ConnectionLimiter;
  readonly #halt = new ReplaySubject<void>(1);
  readonly #run = new Subscription();
  #attemptedAt: number | undefined;

  constructor(handle: string, driver: Driver, mode: Mode, params: DriverParams, options: ConnectorOptions) {
    this.handle = handle;
    this.driver = driver;
    this.mode = mode;
    this.params = params;
    this.url = describeParams(params);
    this.#options = options;
    this.#limiter = new ConnectionLimiter(options);
    this.limited$ = this.#limiter.reports$;
    this.failed$ = this.#failures.pipe(
      map((failure, index): FailureReport => ({ ...failure, connections: index + 1 })),
      throttleTime(FAILURE_REPORT_MS, options.scheduler, { leading: true, trailing: true }),
    );
    this.state$ = this.#state.asObservable();
    this.connections$ = defer(() => concat(from([...this.#live]), this.#connections));
    this.frames$ = this.connections$.pipe(mergeMany(({ frames$ }) => frames$.pipe(catchError(() => EMPTY))));
  }

  /** Begins; once begun it goes on until `stop`. */
  start(): void {
    if (this.#state.value.type !== 'idle') return;
    this.#become({ type: 'starting' });
    const { reconnectDelayMs, maxReconnectDelayMs, reconnectResetMs, reconnectJitter, scheduler } =
      this.#options;
    const delays = {
      initialDelayMs: Math.min(reconnectDelayMs, maxReconnectDelayMs),
      maxDelayMs: maxReconnectDelayMs,
      resetAfterMs: reconnectResetMs,
      jitter: reconnectJitter,
    };
    const once$ = this.mode === Mode.ACTIVE ? this.#connectOnce() : this.#listenOnce();
    this.#run.add(this.#connections.pipe(mergeMany((connection) => this.#untilGone(connection))).subscribe());
    this.#run.add(
      once$.pipe(reconnect(delays, this.#halt, scheduler)).subscribe({
        next: (progress) => this.#take(progress),
        // Halted, and nothing lives any more.
        complete: () => this.#become(STOPPED),
      }),
    );
  }

  /**
   * When the attempt to connect began that has led to no connection yet, in milliseconds since 1970. `undefined` for a
   * listener.
   */
  get attemptedAt(): number | undefined {
    return this.#attemptedAt;
  }

  /** What may be seen of it from outside; there is no way from it to the connector. */
  get view(): ConnectorView {
    const { handle, mode, url, state$, connections$, frames$ } = this;
    return { handle, mode, url, state$, connections$, frames$ };
  }

  /**
   * Waits for the first attempt, but not until somebody else binds the server that a listener is attached to.
   *
   * @throws CommError where it failed; the connector goes on trying
   */
  async started(): Promise<ConnectorState> {
    const { attached = false } = this.driver.capabilities;
    if (attached) await this.driver.load?.();
    const decided$ = this.#state.pipe(
      filter(({ type }) => type !== 'idle' && (type !== 'starting' || attached)),
    );
    const state = await firstValueFrom(decided$, { defaultValue: STOPPED });
    if (state.type === 'stopped')
      throw new CommError(CommErrorCode.CLOSED, `${this.url}: the connector is stopped`);
    if (state.type === 'retrying' && state.error !== undefined) throw state.error;
    return state;
  }

  /** Notes that the peer of one of its connections has said who it is. */
  greeted(connection: Connection): void {
    this.#limiter.greeted(connection);
  }

  /** Notes that the handshake of one of its connections is done. */
  handshakeDone(connection: Connection): void {
    this.#limiter.handshakeDone(connection);
  }

  /** Takes no new connections and makes none; those that live go on. */
  halt(): void {
    this.#halt.next();
  }

  /** Ends what is left at once. */
  stop(): void {
    this.halt();
    this.#run.unsubscribe();
    if (this.#state.value.type !== 'stopped') this.#become(STOPPED);
    this.#state.complete();
    this.#connections.complete();
    this.#failures.complete();
    this.#limiter.complete();
  }

  /** The one place that changes the state. */
  #become(state: ConnectorState): void {
    logState(this.url, state);
    this.#state.next(state);
  }

  #take(progress: Progress | Retry): void {
    match(progress)
      .with({ type: 'connection' }, ({ connection }) => this.#show(connection))
      .with({ type: 'failure' }, ({ failure }) => this.#failures.next(failure))
      .with({ type: 'retry' }, (retry) => this.#become(this.#retrying(retry)))
      .with({ type: 'listening' }, { type: 'connected' }, (state) => this.#become(state))
      .exhaustive();
  }

  #show(connection: Connection): void {
    if (this.mode === Mode.PASSIVE && !this.#limiter.enter(connection)) return;
    if (this.#state.value.type === 'stopped') {
      // Who heard that another connection made room for this one has stopped the connector.
      this.#limiter.leave(connection);
      void connection.close(new CommError(CommErrorCode.CLOSED, `${this.url}: the connector is stopped`));
      return;
    }
    this.#live.add(connection);
    this.#connections.next(connection);
    this.#attemptedAt = undefined;
  }

  /** Forgets a connection when it has ended. */
  #untilGone(connection: Connection): Observable<void> {
    return connection.closed$.pipe(
      catchError(() => EMPTY),
      finalize(() => {
        this.#live.delete(connection);
        this.#limiter.leave(connection);
      }),
    );
  }

  #connectOnce(): Observable<Progress> {
    const { connectTimeoutMs, scheduler } = this.#options;
    const late = () =>
      throwError(
        () =>
          new CommError(CommErrorCode.TIMEOUT, `${this.url}: no connection within ${connectTimeoutMs} ms`),
      );
    return defer(() => {
      log('%s connecting', this.url);
      const connected = new Subject<void>();
      this.#attemptedAt = scheduler.now();
      return this.driver.connect(this.params).pipe(
        timeout({ first: connectTimeoutMs, with: late, scheduler }),
        tap(() => connected.next()),
        mergeMap((connection) =>
          from<Progress[]>([{ type: 'connected' }, { type: 'connection', connection }]),
        ),
        // An attempt under way ends with the halt; what is connected goes on.
        takeUntil(this.#halt.pipe(takeUntil(connected))),
      );
    });
  }

  #listenOnce(): Observable<Progress> {
    return defer(() => this.driver.listen(this.params)).pipe(
      switchMap(({ url, connections$, failures$ = EMPTY }) =>
        concat(
          of<Progress>({ type: 'listening', url }),
          merge(
            connections$.pipe(map((connection): Progress => ({ type: 'connection', connection }))),
            failures$.pipe(map((failure): Progress => ({ type: 'failure', failure }))),
          ),
        ),
      ),
      takeUntil(this.#halt),
    );
  }

  #retrying({ delayMs, error }: Retry): ConnectorState {
    return {
      type: 'retrying',
      delayMs,
      ...(error === undefined ? {} : { error: CommError.from(error, this.url) }),
    };
  }
}

function logState(url: string, state: ConnectorState): void {
  if (state.type === 'retrying') {
    const reason = state.error?.message ?? `${url} ended`;
    log('%s; trying again in %d ms', reason, Math.round(state.delayMs));
  } else log('%s %s', url, state.type);
}

let connectors = 0;

/** The next connector handle, counted over the whole process as in NVFlare. */
export function nextHandle(): string {
  connectors += 1;
  return `CH${String(connectors).padStart(5, '0')}`;
}
