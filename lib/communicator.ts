import {
  BehaviorSubject,
  catchError,
  combineLatest,
  defer,
  distinctUntilChanged,
  EMPTY,
  endWith,
  filter,
  finalize,
  firstValueFrom,
  from,
  ignoreElements,
  lastValueFrom,
  map,
  merge,
  mergeMap,
  type Observable,
  observeOn,
  of,
  queueScheduler,
  Subject,
  type Subscription,
  switchMap,
  take,
  takeUntil,
  tap,
  throwError,
  timer,
} from 'rxjs';

import type { Replica } from './cluster-contract.js';
import { CommError, CommErrorCode, messageOf } from './comm-error.js';
import { type Endpoint, type EndpointMonitor, EndpointState, isReady } from './endpoint.js';
import { isPromise } from './is-promise.js';
import type { CallbackErrorEvent, EndpointEvent, LifecycleEvent } from './lifecycle.js';
import { type Message, requireAppId, requireMessage } from './message.js';
import { type CommunicatorOptions, type ResolvedOptions, resolveOptions } from './options.js';
import type { MessageReceiver, ReceivedMessage } from './received-message.js';
import { Admission } from './sfm/admission.js';
import { EndpointRegistry } from './sfm/endpoint-registry.js';
import { encodeHandshake } from './sfm/handshake.js';
import { MessageRouter } from './sfm/message-router.js';
import type { Peer } from './sfm/peer.js';
import { SelfPeer } from './sfm/self-peer.js';
import type { SessionRole } from './sfm/session-context.js';
import { SessionTable } from './sfm/session-table.js';
import type { Input, Seat } from './sfm/world.js';
import type { CommunicatorStats } from './stats.js';
import type { Connector, ConnectorView } from './transport/connector.js';
import { ConnectorTable } from './transport/connector-table.js';
import type { DriverRegistry } from './transport/driver-registry.js';
import { type Driver, type DriverParams, Mode, type Resources } from './transport/driver.js';
import { mergeMany } from './transport/merge-many.js';
import { isMutualTls, isTrue, parseUrl } from './transport/url.js';

/** How often `startListener` chooses another port when somebody else took the one that it found free. */
const PORT_TRIES = 5;

/** What `startListener` started. */
export interface StartedListener {
  /** For `removeConnector`. */
  readonly handle: string;
  /** For others to connect to. */
  readonly connectUrl: string;
  /** Everything the listener was started with. */
  readonly params: DriverParams;
}

/** Hears of each change of state of each remote endpoint: a function, or NVFlare's form. */
export type Monitor = EndpointMonitor | ((endpoint: Endpoint) => unknown);

/*
 *   idle --start()--> started --stop()--> stopping --all drained--> stopped
 *     \______________________stop()________/
 */
type State = 'idle' | 'started' | 'stopping' | 'stopped';

/*
 *   connections --run--> lives of sessions \
 *   heartbeat, admission, reports ----------- merge --scan(step)--> world --> endpoints$, findEndpoint, send
 *   retire, remove -------------------------/                         \----> effects, lifecycle$
 *
 *   sessions --DATA--> messages(appId)        send --> outbound of the endpoint --> its live session
 */

/**
 * Connects named endpoints over many transports and moves messages between them. The constructor is the whole
 * composition.
 *
 * The constructor of this base takes the drivers; the entries of the package bring their own.
 */
export class Communicator {
  /** The local endpoint as given. */
  readonly localEndpoint: Endpoint;
  /** The drivers by scheme; register your own before the first connector that needs it. */
  readonly drivers: DriverRegistry;
  /**
   * The remote endpoints by name, now and on each change: READY ones and those that were. Each emission is an
   * immutable map of its own.
   *
   * A subscriber that throws ends a Node process, since RxJS reports it as an uncaught exception.
   */
  readonly endpoints$: Observable<ReadonlyMap<string, Endpoint>>;
  /**
   * Everything that happens to connectors, connections and endpoints, from the subscription on. An event that causes
   * another is heard by everyone before that one.
   *
   * A subscriber that throws ends a Node process, since RxJS reports it as an uncaught exception.
   */
  readonly lifecycle$: Observable<LifecycleEvent>;

  readonly #options: ResolvedOptions;
  readonly #connectors: ConnectorTable;
  readonly #sessions: SessionTable;
  readonly #registry: EndpointRegistry;
  readonly #replica: Replica;
  readonly #router: MessageRouter;
  readonly #self: SelfPeer;
  readonly #monitorErrors = new Subject<CallbackErrorEvent>();
  readonly #state = new BehaviorSubject<State>('idle');
  readonly #loop: Subscription;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  /** @throws CommError `BAD_CONFIG` for an option that cannot be */
  constructor(localEndpoint: Endpoint, options: CommunicatorOptions | undefined, drivers: DriverRegistry) {
    this.localEndpoint = localEndpoint;
    this.drivers = drivers;
    this.#options = resolveOptions(options);
    requireEncodable(localEndpoint);
    this.#router = new MessageRouter(this.#options.maxPendingBytes);
    this.#self = new SelfPeer(localEndpoint, this.#router, this.#options);
    this.#connectors = new ConnectorTable(this.#options);
    this.#registry = new EndpointRegistry(this.#options);
    const { seat } = this.#registry;
    const admission = new Admission(this.#options, seat, (endpoint) => this.#replica.claim(endpoint));
    this.#replica = this.#options.cluster.join({
      localName: localEndpoint.name,
      settings: this.#options,
      isHere: (name) => seat(name)?.session?.isOpen === true,
      contest: (name) =>
        admission.outlive(name).pipe(
          tap((life) => this.#registry.take(life)),
          ignoreElements(),
        ),
      yield: (name, replica) => this.#registry.yield(name, replica),
      find: (name) => seat(name)?.endpoint,
      route: (received) => void this.#router.routeHere(received),
      remove: (name) => this.#registry.remove(name),
      accept: (...message) => this.#registry.accept(...message),
    });
    this.#router.spread = this.#replica.spread;
    this.#sessions = new SessionTable({
      local: localEndpoint,
      options: this.#options,
      router: this.#router,
      decide: admission.decide,
    });
    this.endpoints$ = this.#registry.endpoints$;
    this.lifecycle$ = this.#registry.lifecycle$;

    const lives$ = this.#connectors.connections$.pipe(
      mergeMany(({ connector, connection }) => this.#sessions.run(connection, roleOf(connector))),
    );
    // Connectors that start by themselves have sessions before the communicator is started.
    const heartbeat$ = combineLatest([this.#state, this.#sessions.hasSessions$]).pipe(
      map(([state, hasSessions]) => hasSessions || state === 'started' || state === 'stopping'),
      distinctUntilChanged(),
      switchMap((isBeating) => (isBeating ? this.#sessions.heartbeat$ : EMPTY)),
    );
    const reports$ = merge(
      this.#connectors.events$,
      this.#router.events$,
      this.#self.events$,
      this.#monitorErrors,
    ).pipe(map((event): Input => ({ type: 'report', event })));
    this.#loop = this.#registry.run(merge(lives$, heartbeat$, reports$), this.#replica);
  }

  /**
   * What IDs begin with that are given out here, so that answers find this replica of a cluster: cells begin those of their
   * requests and references with it. Empty where there is no cluster.
   */
  get replicaMark(): string {
    return this.#replica.mark;
  }

  /**
   * Starts all connectors. Resolves when the listeners are bound; active connectors keep trying, and listeners on a server
   * of the application wait for that to listen.
   *
   * @throws CommError where a listener cannot be bound, and nothing is left open then; `CLOSED` after `stop`
   */
  start(): Promise<void> {
    if (this.#isStopped) {
      return Promise.reject(
        new CommError(CommErrorCode.CLOSED, 'a stopped communicator cannot start again: make a new one'),
      );
    }
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /**
   * Delivers what `send` accepted, at most for `drainTimeoutMs`, closes everything and resolves when nothing is
   * left open. Idempotent. `lifecycle$` reports what could not be delivered as `dropped`.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Whether it is started, and not stopped or about to be. */
  get isRunning(): boolean {
    return this.#state.value === 'started';
  }

  /** One endpoint, now and on each change; `undefined` while it is not known. */
  endpoint(name: string): Observable<Endpoint | undefined> {
    return this.#registry.endpoint(name);
  }

  /** Emits an endpoint whenever it is READY: now, or as soon as it joins, and when it comes back. */
  ready(name: string): Observable<Endpoint> {
    return this.endpoint(name).pipe(filter(isReady));
  }

  /**
   * The messages of an app ID, from the subscription on. Many may subscribe, beside the receiver.
   *
   * A subscriber that throws ends a Node process, since RxJS reports it as an uncaught exception: parse what strangers
   * send in a receiver, or in an operator that catches.
   *
   * @throws CommError `BAD_CONFIG` where the app ID is no integer from 0 to 65,535
   */
  messages(appId: number): Observable<ReceivedMessage> {
    return this.#router.messages(requireAppId(appId));
  }

  /**
   * Emits once and completes, as soon as `send` to this endpoint would answer true: at once, or when its queue
   * has drained. The next `send` is accepted then, whatever its size. Errors with CommError `CLOSED` when the endpoint
   * goes first, or the communicator is stopped.
   */
  drained(endpoint: Endpoint | string): Observable<void> {
    const name = nameOf(endpoint);
    return defer(() => {
      const { outbound } = this.#requirePeer(name);
      if (!outbound.isFull) return of(undefined);
      return merge(outbound.drained$, this.#goneOf(name)).pipe(take(1));
    });
  }

  /** Registers a monitor. What it throws is reported on `lifecycle$`. Unsubscribing takes it away. */
  registerMonitor(monitor: Monitor): Subscription {
    const stateChange = typeof monitor === 'function' ? monitor : monitor.stateChange.bind(monitor);
    return this.lifecycle$
      .pipe(filter((event): event is EndpointEvent => event.type === 'endpoint'))
      .subscribe(({ endpoint }) => {
        try {
          const work = stateChange(endpoint);
          if (isPromise(work))
            work.then(undefined, (thrown: unknown) => this.#reportMonitorError(endpoint, thrown));
        } catch (thrown) {
          this.#reportMonitorError(endpoint, thrown);
        }
      });
  }

  /** A remote endpoint that is READY, or was; `undefined` where none of that name was seen. */
  findEndpoint(name: string): Endpoint | undefined {
    return this.#registry.seat(name)?.endpoint;
  }

  /**
   * Closes the connection of an endpoint, once what `send` accepted is written, and forgets it. An active
   * connector will bring it back.
   */
  removeEndpoint(name: string): void {
    this.#registry.remove(name);
  }

  /**
   * Sends a message. It never blocks and never drops silently; messages of one endpoint arrive in the order sent.
   *
   * @param endpoint - the receiver, or its name; the local one loops back to the local receivers
   * @param appId - 0 to 65,535, see {@link AppIds} for the reserved ones
   * @returns true to go on, false to wait for {@link Communicator.drained}; the message is accepted both times
   * @throws CommError
   * - `CLOSED` where the endpoint was never seen or has gone, or the communicator is stopped
   * - `NOT_READY` where the endpoint takes no more messages since its connection closes, or its queue is at its limit
   *   ({@link QueueFullError}), which cannot be while `send` answers true
   * - `BAD_DATA` where it is not a message, or cannot be encoded
   * - `BAD_CONFIG` where the app ID is no integer from 0 to 65,535
   */
  send(endpoint: Endpoint | string, appId: number, message: Message): boolean {
    const name = nameOf(endpoint);
    requireAppId(appId);
    requireMessage(message);
    return this.#requirePeer(name).send(appId, message);
  }

  /**
   * Sends a long sequence at the pace of the receiver: the next message is asked for when there is room for it. Many
   * may send to one endpoint at a time.
   *
   * @param messages - made when they are needed, by a generator say
   * @returns how many were sent, when the last one was accepted
   * @throws CommError as {@link Communicator.send}, but for a queue at its limit; `CLOSED` when the endpoint goes in the
   * middle
   */
  async sendAll(
    endpoint: Endpoint | string,
    appId: number,
    messages: Iterable<Message> | AsyncIterable<Message>,
  ): Promise<number> {
    const name = nameOf(endpoint);
    let count = 0;
    for await (const message of messages) {
      // Another sender may have been faster when the queue had drained.
      while (this.#requirePeer(name).outbound.isFull) await firstValueFrom(this.drained(name));
      this.send(name, appId, message);
      count += 1;
    }
    return count;
  }

  /**
   * Registers the receiver of an app ID. Unsubscribing takes it away.
   *
   * A receiver that borrows is faster with large messages, since the memory of a payload is used for the next one: a
   * payload of more than 256 KiB is its own until it returns or its promise settles. Then all views on it are empty, also one
   * that was kept by mistake; what is needed for longer is copied (`payload.slice()`). A payload that is sent on
   * is whole until it is written; one that subscribers of `messages` or `frames$` have seen too stays as it is.
   *
   * @param options - `borrow`: whether it borrows. Default: false, payloads are the receiver's for ever
   * @throws CommError `BAD_CONFIG` where the app ID has one already or is no integer from 0 to 65,535, or the receiver
   * is neither a function nor has a method `processMessage`
   */
  registerMessageReceiver(
    appId: number,
    receiver: MessageReceiver,
    options: { readonly borrow?: boolean } = {},
  ): Subscription {
    return this.#router.register(requireAppId(appId), receiver, options.borrow);
  }

  /**
   * Adds a connector for a URL such as `tcp://0:8002` (`0` is any address) with the driver of its scheme. It
   * starts with the communicator, or at once when that is started.
   *
   * @param secure - TLS, where the scheme does not say so
   * @param resources - more parameters; they win over those of the URL
   * @returns a handle for {@link Communicator.removeConnector}
   * @throws CommError `NOT_SUPPORTED` for an unknown scheme, or a listener on a driver that cannot listen; `BAD_CONFIG`
   * for a bad URL, one without a port that it needs, or TLS on a driver without it; `CLOSED` after `stop`
   */
  addConnector(url: string, mode: Mode, secure = false, resources: Resources = {}): string {
    const params = { ...parseUrl(url), ...resources };
    return this.addConnectorAdvanced(this.drivers.find(params.scheme), mode, params, secure);
  }

  /**
   * Adds a connector on a driver of your own.
   *
   * @param secure - TLS, where the scheme does not say so
   * @param start - start it now, even before the communicator
   * @returns a handle for {@link Communicator.removeConnector}
   * @throws CommError as {@link Communicator.addConnector}, but for the scheme
   */
  addConnectorAdvanced(
    driver: Driver,
    mode: Mode,
    params: DriverParams,
    secure: boolean,
    start = false,
  ): string {
    if (this.#isStopped) throw stoppedError();
    const connector = this.#connectors.add(driver, mode, this.#withLocalParams(params, secure));
    if (start || this.#state.value === 'started') connector.start();
    return connector.handle;
  }

  /**
   * Listens on an HTTP server of the application. The Node entry can, and says how.
   *
   * @throws CommError `NOT_SUPPORTED` in a browser and in a virtual network
   */
  attach(_server: object, _options?: object): string {
    throw new CommError(CommErrorCode.NOT_SUPPORTED, 'attach: only the Communicator of the Node entry can');
  }

  /**
   * Starts a listener on an address that the driver chooses.
   *
   * @param resources - `host` to advertise (default localhost), `listen_host` to bind, `port` or `ports`,
   * `secure`, and any driver parameter
   * @throws CommError `NOT_SUPPORTED` for an unknown scheme or a driver that cannot listen, `BAD_CONFIG` where no port is
   * free, or a parameter cannot be; `CLOSED` after `stop`
   */
  async startListener(scheme: string, resources: Resources = {}): Promise<StartedListener> {
    const driver = this.drivers.find(scheme);
    for (let tries = 1; ; tries += 1) {
      const { connectUrl, listenUrl } = await driver.resolveUrls(scheme.toLowerCase(), resources);
      const params = { ...resources, ...parseUrl(listenUrl) };
      const handle = this.addConnectorAdvanced(driver, Mode.PASSIVE, params, false, true);
      try {
        await this.#connectors.get(handle)?.started();
        return { handle, connectUrl, params };
      } catch (error) {
        const connector = this.#connectors.get(handle); // `stop` may have removed it.
        if (connector !== undefined) await this.#closeConnectors([connector]);
        if (resources.port !== undefined || tries === PORT_TRIES) throw error;
      }
    }
  }

  /**
   * Removes a connector: its connections deliver what `send` accepted, at most for `drainTimeoutMs`, and close.
   *
   * @throws CommError `BAD_CONFIG` for an unknown handle
   */
  async removeConnector(handle: string): Promise<void> {
    const connector = this.#connectors.get(handle);
    if (connector === undefined)
      throw new CommError(CommErrorCode.BAD_CONFIG, `there is no connector ${handle}`);
    await this.#closeConnectors([connector]);
  }

  /** A connector, to look at its state, connections and frames. */
  findConnector(handle: string): ConnectorView | undefined {
    return this.#connectors.get(handle)?.view;
  }

  /** A snapshot of what went over each connection, and to and from each endpoint, now. */
  stats(): CommunicatorStats {
    const cluster = this.#replica.stats();
    return {
      name: this.localEndpoint.name,
      at: this.#options.scheduler.now(),
      endpoints: this.#registry.stats,
      connections: this.#sessions.stats,
      ...(cluster && { cluster }),
    };
  }

  /**
   * Takes that snapshot at once and every `periodMs`, until the communicator stops. Two of them make a rate.
   *
   * @throws CommError `BAD_CONFIG` where `periodMs` is not above 0
   */
  stats$(periodMs: number): Observable<CommunicatorStats> {
    if (!(periodMs > 0)) {
      throw new CommError(CommErrorCode.BAD_CONFIG, `stats$: expected a period above 0 ms, got ${periodMs}`);
    }
    const stopped$ = this.lifecycle$.pipe(ignoreElements(), endWith(undefined));
    return timer(0, periodMs, this.#options.scheduler).pipe(
      map(() => this.stats()),
      takeUntil(stopped$),
    );
  }

  get #isStopped(): boolean {
    return this.#state.value === 'stopping' || this.#state.value === 'stopped';
  }

  /** The one place that changes the state. */
  #become(state: State): void {
    this.#state.next(state);
  }

  async #start(): Promise<void> {
    const joined = this.#replica.start();
    if (joined !== undefined) {
      try {
        await joined;
      } catch (error) {
        await this.stop();
        throw error;
      }
      if (this.#isStopped) throw stoppedError();
    }
    this.#become('started');
    for (const connector of this.#connectors.all) connector.start();
    const listeners = this.#connectors.all.filter(({ mode }) => mode === Mode.PASSIVE);
    try {
      await Promise.all(listeners.map((listener) => listener.started()));
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async #stop(): Promise<void> {
    this.#become('stopping');
    const quiet = this.#replica.quiesce();
    if (quiet !== undefined) {
      for (const connector of this.#connectors.all) connector.halt();
      await quiet;
    }
    const arrived$ = merge(this.#self.arrived(), this.#replica.arrived());
    await this.#closeConnectors(this.#connectors.all, arrived$, () => {
      this.#become('stopped');
      this.#loop.unsubscribe();
      this.#connectors.complete();
      this.#self.complete();
      this.#router.complete();
      this.#registry.complete();
    });
    await this.#replica.leave();
  }

  /**
   * Lets connectors end in good order: no new connections, the old ones drained, then gone.
   *
   * @param rest$ - what else has to complete
   * @param whenEnded - called when that and the last connection have ended
   * @returns when nothing of them is left open
   */
  async #closeConnectors(
    connectors: readonly Connector[],
    rest$: Observable<never> = EMPTY,
    whenEnded: () => void = () => undefined,
  ): Promise<void> {
    for (const connector of connectors) connector.halt();
    const sessions = this.#sessions.of(new Set(connectors.map(({ handle }) => handle)));
    const ends$ = from(sessions).pipe(
      mergeMany(({ connection }) => connection.closed$.pipe(catchError(() => EMPTY))),
    );
    const ended$ = merge(rest$, ends$).pipe(
      observeOn(queueScheduler), // Behind what the last end has to tell.
      finalize(() => {
        for (const connector of connectors) this.#connectors.remove(connector);
        whenEnded();
      }),
    );
    const done = lastValueFrom(ended$, { defaultValue: undefined });
    for (const session of sessions) this.#registry.retire(session);
    await done;
    await Promise.all(sessions.map((session) => session.close()));
  }

  /** The local endpoint's properties win over all else, except for `connection_security` (NVFlare's rule). */
  #withLocalParams(params: DriverParams, secure: boolean): DriverParams {
    const merged = { ...params, ...this.localEndpoint.connProps, secure: secure || isTrue(params.secure) };
    const { connection_security } = params;
    return connection_security === undefined ? merged : { ...merged, connection_security };
  }

  /** What sends to a READY endpoint, or to ourselves. */
  #requirePeer(name: string): Peer {
    const seat = this.#registry.seat(name);
    if (seat?.endpoint.state === EndpointState.READY) return seat.peer;
    if (this.#isStopped) throw stoppedError();
    if (name === this.localEndpoint.name) return this.#self;
    throw unreachable(name, seat);
  }

  /** Errors when an endpoint is not READY any more; our own goes when the communicator is stopped. */
  #goneOf(name: string): Observable<never> {
    if (name === this.localEndpoint.name) {
      return this.#state.pipe(
        filter((state) => state === 'stopped'),
        mergeMap(() => throwError(() => stoppedError())),
      );
    }
    return this.endpoint(name).pipe(
      filter((endpoint) => !isReady(endpoint)),
      mergeMap(() => throwError(() => unreachable(name, undefined))),
    );
  }

  #reportMonitorError({ name }: Endpoint, thrown: unknown): void {
    const detail = `a monitor failed on ${name}: ${messageOf(thrown)}`;
    const error = new CommError(CommErrorCode.ERROR, detail, { cause: thrown });
    this.#monitorErrors.next({ type: 'callback-error', callback: 'monitor', error });
  }
}

function roleOf(connector: Connector): SessionRole {
  const { handle, mode, driver, params, attemptedAt } = connector;
  return {
    handle,
    scheme: params.scheme,
    mode,
    attemptedAt,
    mtls: isMutualTls(params),
    heartbeat: driver.capabilities.heartbeat,
    connector,
  };
}

/** Each connection begins with our properties; if they cannot be sent, nobody can be met. */
function requireEncodable(local: Endpoint): void {
  try {
    encodeHandshake(local, 1); // 0.001 s, a float as every real time is.
  } catch (error) {
    const detail = `the properties of endpoint ${local.name} cannot be sent: ${messageOf(error)}`;
    throw new CommError(CommErrorCode.BAD_CONFIG, detail, { cause: error });
  }
}

function nameOf(endpoint: Endpoint | string): string {
  return typeof endpoint === 'string' ? endpoint : endpoint.name;
}

function unreachable(name: string, seat: Seat | undefined): CommError {
  const { state } = seat?.endpoint ?? {};
  return state === EndpointState.CLOSING
    ? new CommError(CommErrorCode.NOT_READY, `endpoint ${name} is closing, expected READY`)
    : new CommError(CommErrorCode.CLOSED, `endpoint ${name} is not connected`);
}

function stoppedError(): CommError {
  return new CommError(CommErrorCode.CLOSED, 'the communicator is stopped');
}
