import {
  BehaviorSubject,
  concat,
  defer,
  distinctUntilChanged,
  EMPTY,
  finalize,
  from,
  ignoreElements,
  map,
  merge,
  type Observable,
  observeOn,
  of,
  queueScheduler,
  scan,
  Subject,
  type Subscription,
  take,
  takeUntil,
  timer,
} from 'rxjs';

import { type Losses, NO_CLUSTER, type Origin, type Replica } from '../cluster-contract.js';
import { CommError, CommErrorCode } from '../comm-error.js';
import { type Endpoint, isReady } from '../endpoint.js';
import type { LifecycleEvent } from '../lifecycle.js';
import { logger } from '../log.js';
import type { ResolvedOptions } from '../options.js';
import { oneLine, quoted } from '../quoted.js';
import { addTallies, type EndpointStats, NOTHING } from '../stats.js';
import { KeyedSource } from '../transport/keyed-source.js';
import { mergeMany } from '../transport/merge-many.js';
import { endOf } from './end-of.js';
import { Peer } from './peer.js';
import type { Session } from './session.js';
import type { SessionLife } from './session-life.js';
import { step } from './step.js';
import { type Effect, EMPTY_WORLD, type Input, type Seat, type World } from './world.js';

const log = logger('endpoint');

type EffectOf<T extends Effect['type']> = Extract<Effect, { type: T }>;
type Drain = EffectOf<'drain'>;

/** What an endpoint's name stands for; `undefined` while it is not known. */
export type LookUp = (name: string) => Seat | undefined;

/**
 * The loop in the middle. Inputs are scanned by `step` into a world, from which everything else is read, and the
 * effects of each step are performed here and nowhere else. An input that an effect or a subscriber causes waits in a
 * queue until everyone has seen the world before it.
 */
export class EndpointRegistry {
  /** The remote endpoints by name, now and on each change. */
  readonly endpoints$: Observable<ReadonlyMap<string, Endpoint>>;
  /** Everything that happens, in order. */
  readonly lifecycle$: Observable<LifecycleEvent>;

  readonly #options: ResolvedOptions;
  #replica: Replica = NO_CLUSTER.join();
  readonly #commands = new Subject<Input>();
  readonly #drains = new Subject<Drain>();
  readonly #world = new BehaviorSubject(EMPTY_WORLD);
  readonly #changes = new KeyedSource<string, Endpoint | undefined>();
  readonly #lifecycle = new Subject<LifecycleEvent>();

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.lifecycle$ = this.#lifecycle.asObservable();
    this.endpoints$ = this.#world.pipe(
      map(({ endpoints }) => endpoints),
      distinctUntilChanged(),
    );
  }

  /** Closes the loop around inputs from outside, those of a cluster among them. */
  run(inputs$: Observable<Input>, replica: Replica = this.#replica): Subscription {
    this.#replica = replica;
    const makePeer = (name: string) => new Peer(name, this.#options);
    const closes$ = this.#drains.pipe(mergeMany((drain) => this.#closesAfter(drain)));
    return merge(inputs$, replica.inputs$, this.#commands, closes$)
      .pipe(observeOn(queueScheduler), scan(step({ ...this.#options, makePeer }), EMPTY_WORLD))
      .subscribe((world) => this.#show(world));
  }

  /** The seat of an endpoint. */
  readonly seat: LookUp = (name) => this.#world.value.seats.get(name);

  /** One endpoint, now and on each change. Changes of other endpoints cost nothing. */
  endpoint(name: string): Observable<Endpoint | undefined> {
    const now$ = defer(() => of(this.#world.value.endpoints.get(name)));
    return merge(this.#changes.values(name), now$).pipe(distinctUntilChanged());
  }

  /** What went to and from each endpoint. */
  get stats(): readonly EndpointStats[] {
    const seats = [...this.#world.value.seats.values()];
    return seats.map(({ peer, endpoint, session }) => peer.stats(endpoint, session?.traffic));
  }

  /** Lets a session end in good order: no more messages, what waits is written, then it is closed. */
  retire(session: Session): void {
    this.#commands.next({ type: 'retire', session });
  }

  /** Does the same for the session of an endpoint, and forgets the endpoint. */
  remove(name: string): void {
    this.#commands.next({ type: 'remove', name });
  }

  /** Takes what was decided of a session elsewhere than in its life. */
  take(life: SessionLife): void {
    this.#commands.next(life);
  }

  /** Ends the connection of a name that another replica takes; completes when it has ended. */
  yield(name: string, replica: string): Observable<never> {
    return defer(() => {
      const session = this.seat(name)?.session;
      if (session === undefined) return EMPTY;
      const ended$ = endOf(session).pipe(ignoreElements());
      this.#commands.next({ type: 'yield', name, replica, at: this.#options.scheduler.now() });
      return ended$;
    });
  }

  /** Sends a message that another replica accepted; false where its endpoint is not READY here. */
  accept(name: string, head: Uint8Array, payload: Uint8Array | undefined, origin: Origin): boolean {
    const seat = this.seat(name);
    if (seat?.session === undefined || !isReady(seat.endpoint)) return false;
    seat.peer.outbound.relay(head, payload, origin);
    return true;
  }

  /** Ends the streams. */
  complete(): void {
    this.#commands.complete();
    this.#drains.complete();
    this.#world.complete();
    this.#changes.complete();
    this.#lifecycle.complete();
  }

  #show(world: World): void {
    this.#world.next(world);
    for (const name of world.changed) this.#changes.next(name, world.endpoints.get(name));
    for (const effect of world.effects) this.#perform(effect);
  }

  /** The one place that acts on sessions. */
  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'tell':
        this.#tell(effect.event);
        break;
      case 'welcome':
        effect.session.welcome(effect.endpoint, effect.peer.nextStreamId);
        break;
      case 'ping':
        effect.session.ping();
        break;
      case 'settle':
        effect.session.settle();
        break;
      case 'route':
        effect.peer.drainInto(effect.session);
        break;
      case 'return-relayed':
        effect.peer.returnRelayed();
        break;
      case 'drain':
        this.#drains.next(effect);
        break;
      case 'close':
        void effect.session.close(effect.reason);
        break;
      case 'refuse':
        effect.session.refuse(effect.reason, effect.told);
        break;
      case 'give-up':
        effect.session.role.connector?.halt();
        break;
      case 'note-greeted':
        effect.session.role.connector?.greeted(effect.session.connection);
        break;
      case 'note-ready':
        effect.session.role.connector?.handshakeDone(effect.session.connection);
        break;
      case 'account':
        this.#account(effect);
        break;
      case 'route-away':
        effect.peer.drainAway(this.#replica);
        break;
      case 'release':
        this.#replica.release(effect.endpointName);
        break;
      case 'remove-away':
        this.#whenEmpty([effect.peer], () => this.#replica.remove(effect.endpointName));
        break;
      case 'hand-over':
        this.#whenEmpty(effect.peers, () => this.#replica.handedOver(effect.replica));
        break;
      case 'account-away':
        this.#accountAway(effect);
        break;
      case 'then':
        this.#commands.next(effect.input);
        break;
      default:
        effect satisfies never;
    }
  }

  #tell(event: LifecycleEvent): void {
    if (event.type === 'refused') logRefusal(event);
    if (event.type === 'endpoint') log('%s is %s', quoted(event.endpoint.name), event.endpoint.state);
    this.#lifecycle.next(event);
  }

  /** What ends a session in good order: when what waits for it is written, or after `drainTimeoutMs`. */
  #closesAfter({ session, peer }: Drain): Observable<Input> {
    const { drainTimeoutMs, scheduler } = this.#options;
    const { name } = session.connection;
    const written$ = peer === undefined ? EMPTY : emptied(peer);
    const close$ = concat(written$, of<Input>({ type: 'close', session }));
    const late$ = timer(drainTimeoutMs, scheduler).pipe(
      map(() => new CommError(CommErrorCode.TIMEOUT, `${name}: not drained within ${drainTimeoutMs} ms`)),
      map((reason): Input => ({ type: 'close', session, reason })),
    );
    return merge(close$, late$).pipe(takeUntil(endOf(session)));
  }

  #account({ session, endpointName, peer, wasLive }: EffectOf<'account'>): void {
    const { undelivered, unknown } = session.losses;
    const waiting = (wasLive ? peer?.clear() : undefined) ?? NOTHING;
    if (wasLive) peer?.drainInto(undefined);
    const all = { undelivered: addTallies(undelivered, waiting), unknown };
    // What other replicas sent, they tell themselves.
    const lost = peer?.loseRelayed(all, wasLive) ?? all;
    peer?.noteEnd(session.traffic, lost);
    this.#tellLosses(endpointName, lost);
    if (wasLive) this.#replica.release(endpointName);
  }

  #accountAway({ endpointName, peer, lost }: EffectOf<'account-away'>): void {
    const waiting = (lost === undefined ? peer?.clear() : undefined) ?? NOTHING;
    if (lost === undefined) peer?.drainInto(undefined);
    const all = lost ?? { undelivered: waiting, unknown: NOTHING };
    peer?.noteLosses(all);
    this.#tellLosses(endpointName, all);
  }

  #tellLosses(endpointName: string, { undelivered, unknown }: Losses): void {
    if (undelivered.messages + unknown.messages === 0) return;
    this.#tell({ type: 'dropped', reason: 'disconnected', endpointName, undelivered, unknown });
  }

  /** Acts when nothing waits for some endpoints any more, or after `drainTimeoutMs`. */
  #whenEmpty(peers: readonly Peer[], act: () => void): void {
    const { drainTimeoutMs, scheduler } = this.#options;
    const waiting = peers.filter(({ isEmpty }) => !isEmpty);
    if (waiting.length === 0) {
      act();
      return;
    }
    from(waiting)
      .pipe(mergeMany(emptied), takeUntil(timer(drainTimeoutMs, scheduler)), finalize(act))
      .subscribe();
  }
}

/** Completes when nothing waits for an endpoint. */
function emptied(peer: Peer): Observable<never> {
  return peer.isEmpty ? EMPTY : peer.outbound.emptied$.pipe(take(1), ignoreElements());
}

/** Names and reasons may be a peer's. */
function logRefusal(event: Extract<LifecycleEvent, { type: 'refused' }>): void {
  const { by, peerAddr, reason } = event;
  if (by === 'peer')
    log('%s refuses us: %s', peerAddr, reason === '' ? 'it does not tell why' : oneLine(reason));
  else log('%s (%s) is refused: %s', quoted(event.endpointName ?? 'a stranger'), peerAddr, oneLine(reason));
}
