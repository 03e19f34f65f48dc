import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';

import {
  concat,
  defer,
  EMPTY,
  from,
  ignoreElements,
  interval,
  lastValueFrom,
  map,
  Observable,
  startWith,
  Subject,
  Subscription,
  takeUntil,
  takeWhile,
  timer,
} from 'rxjs';

import { clockOf } from '../clock-of.js';
import type { ClusterInput, Replica, ReplicaHost } from '../cluster-contract.js';
import { CommError, CommErrorCode, messageOf } from '../comm-error.js';
import type { Endpoint } from '../endpoint.js';
import type { ClusterEvent } from '../lifecycle.js';
import { logger } from '../log.js';
import type { ReceivedMessage } from '../received-message.js';
import type { Sink } from '../sink.js';
import type { ClusterStats } from '../stats.js';
import { MAX_FRAME_BYTES } from '../wire/prefix.js';
import { Bus } from './bus.js';
import { Directory } from './directory.js';
import { DirectorySync } from './directory-sync.js';
import { Hops } from './hops.js';
import { type LinkEnds, Links } from './links.js';
import { Membership, type MembershipChange } from './membership.js';
import { Names } from './names.js';
import { natsError } from './nats-error.js';
import type { ResolvedClusterOptions } from './options.js';
import { answerReleases, requestRelease } from './release.js';
import { RemoteChanges } from './remote-changes.js';
import type { RemoteSink } from './remote-sink.js';
import { markOf } from './replica-id.js';
import { Spreading } from './spreading.js';

const log = logger('cluster');

/** How often what is not acknowledged is sent again. */
const REPEAT_MS = 500;

/** How long to wait for a beat of all that may live. Where one is dead, each start takes so much longer. */
const HEAR_MS = 500;

/** The part of its handshake that a newcomer waits for its name: what the names themselves wait for is less. */
const PATIENCE = 3 / 4;

/** What became of a replica, in words. */
const HAPPENED = { joined: 'joins the cluster', left: 'has left', gone: 'is gone: it is silent' } as const;

/*
 *   idle --start--> joining --all endpoints known--> joined --quiesce--> leaving --leave--> left
 */
type State = 'idle' | 'joining' | 'joined' | 'leaving' | 'left';

/** One communicator in a cluster of NATS. The constructor is the composition; the rest is how it joins and leaves. */
export class NatsReplica implements Replica {
  readonly inputs$: Observable<ClusterInput>;
  /** {@inheritDoc Replica.spread} */
  readonly spread: (received: ReceivedMessage) => boolean;
  /** Our ID: the name of the host, and a random part, so that each start of a process has its own. */
  readonly id = `${hostname()
    .replaceAll(/[^A-Za-z0-9_-]/g, '_')
    .slice(0, 40)}-${randomBytes(6).toString('base64url')}`;

  /** {@inheritDoc Replica.mark} */
  readonly mark = markOf(this.id);

  readonly #host: ReplicaHost;
  readonly #cluster: string;
  readonly #bus: Bus;
  readonly #members: Membership;
  readonly #names: Names;
  readonly #sync: DirectorySync;
  readonly #links: Links;
  readonly #hops: Hops;
  readonly #spreading: Spreading;
  readonly #changes: RemoteChanges;
  readonly #inputs = new Subject<ClusterInput>();
  readonly #running = new Subscription();
  /** Those that send nothing more to our endpoints. */
  readonly #quiet = new Set<string>();
  readonly #quieter = new Subject<void>();
  #state: State = 'idle';
  #hasJoined = false;
  #joining: Promise<void> | undefined;

  constructor(options: ResolvedClusterOptions, host: ReplicaHost) {
    const { id: self } = this;
    const { scheduler, maxEndpointProperties } = host.settings;
    const now = clockOf(scheduler);
    const after = (ms: number): Promise<void> => this.#after(ms);
    this.inputs$ = this.#inputs.asObservable();
    this.#host = host;
    this.#cluster = options.name;
    this.#bus = new Bus(options);
    const directory = new Directory(this.#bus, options, maxEndpointProperties);
    this.#links = new Links((replica) => this.#endsOf(replica));
    this.#hops = new Hops(self, this.#links);
    this.#members = new Membership({
      self,
      common: { localName: host.localName, replicaTimeoutMs: options.replicaTimeoutMs },
      now,
      hops: this.#hops,
      publish: (beat) => this.#bus.publish(this.#bus.subject('beat'), beat),
    });
    this.#names = new Names({
      self,
      host,
      directory,
      now,
      after,
      mayLive: (replica) => this.#members.mayLive(replica),
      requestRelease: (...request) => requestRelease(this.#bus, ...request),
      changed: (name, before) => this.#changes.note(name, before),
    });
    this.#changes = new RemoteChanges({
      self,
      localName: host.localName,
      names: this.#names,
      members: this.#members,
      links: this.#links,
      tell: (changes) => this.#inputs.next({ type: 'remote', changes, at: scheduler.now() }),
    });
    this.#sync = new DirectorySync({
      self,
      localName: host.localName,
      directory,
      names: this.#names,
      members: this.#members,
      after,
      reject: (reason) => this.#bus.reject(reason),
      whenRead: () => this.#changes.show(),
      changed: (isConnected) => this.#noteConnected(isConnected),
    });
    this.#spreading = new Spreading({
      self,
      host,
      rules: options.deliver,
      others: () => this.#members.open,
      isConnected: () => this.isConnected && !this.#members.isDeaf,
      sinkTo: (replica) => this.#links.to(replica).spread,
    });
    this.spread = (received) => this.#spreading.spread(received);
  }

  /** Whether NATS is there, and all endpoints of the others are known. */
  get isConnected(): boolean {
    return this.#sync.isConnected;
  }

  /** The IDs of the other replicas that live. */
  get replicas(): readonly string[] {
    return this.#state === 'left' ? [] : this.#members.alive;
  }

  /** How many messages of NATS were broken or forged. */
  get rejected(): number {
    return this.#bus.rejected;
  }

  /** {@inheritDoc Replica.stats} */
  stats(): ClusterStats {
    const counts = this.#names.count();
    const ids = new Set(this.#state === 'left' ? [] : [...this.#members.alive, this.id].sort());
    return {
      name: this.#cluster,
      replica: this.id,
      isConnected: this.isConnected,
      rejected: this.rejected,
      ...this.#links.total,
      replicas: [...ids].map((id) => ({
        id,
        isClosing: id === this.id ? this.#state === 'leaving' : this.#members.isClosing(id),
        endpoints: counts.get(id) ?? 0,
        sentTo: this.#hops.sentBy(id).filter(({ to }) => ids.has(to)),
      })),
    };
  }

  start(): Promise<void> {
    this.#joining ??= this.#join();
    return this.#joining;
  }

  claim(endpoint: Endpoint): Observable<never> {
    return new Observable<never>((subscriber) => {
      let isWanted = true;
      this.#claim(
        endpoint,
        () => isWanted,
        () => subscriber.complete(),
      ).catch((error: unknown) => subscriber.error(this.#undecided(endpoint.name, error)));
      return () => (isWanted = false);
    }).pipe(takeUntil(this.#overdue(endpoint)));
  }

  release(name: string): void {
    this.#names.release(name);
  }

  sinkTo(name: string): Sink | undefined {
    return this.#sinkTo(name);
  }

  remove(name: string): void {
    this.#sinkTo(name)?.remove();
  }

  handedOver(replica: string): void {
    if (this.#members.isAlive(replica)) this.#links.to(replica).tell('QUIESCED');
  }

  async quiesce(): Promise<void> {
    const wasJoined = this.#state === 'joined';
    this.#become('leaving');
    if (wasJoined && this.#bus.isAttached) await this.#untilQuiet();
    this.#spreading.close();
  }

  arrived(): Observable<never> {
    const { drainTimeoutMs, scheduler } = this.#host.settings;
    return concat(
      defer(() => from(this.#links.settled())).pipe(
        ignoreElements(),
        takeUntil(timer(drainTimeoutMs, scheduler)),
      ),
      defer(() => {
        this.#links.abandon();
        this.#changes.hideAll();
        return EMPTY;
      }),
    );
  }

  async leave(): Promise<void> {
    if (this.#state === 'left') return;
    this.#become('left');
    this.#sync.close();
    if (this.#bus.isOpen) {
      const farewell = this.#sayFarewell().catch((error: unknown) =>
        log('NATS did not take our farewell: %s', messageOf(error)),
      );
      await Promise.race([farewell, this.#after(Math.max(this.#host.settings.drainTimeoutMs, 1_000))]);
    }
    this.#running.unsubscribe();
    this.#links.closeAll();
    this.#spreading.complete();
    this.#inputs.complete();
    await this.#bus.close();
  }

  /** A call, since `stop` may come in between. */
  #is(state: State): boolean {
    return this.#state === state;
  }

  /** The one place that changes the state. */
  #become(state: State): void {
    this.#state = state;
  }

  /** Errors before the handshake of a newcomer is over, which would end without the reason. */
  #overdue({ name }: Endpoint): Observable<never> {
    const { handshakeTimeoutMs, scheduler } = this.#host.settings;
    const ms = handshakeTimeoutMs * PATIENCE;
    const text = `cluster: nobody could tell within ${ms} ms whether the name ${name} is free: NATS is slow, or others want it too`;
    return timer(ms, scheduler).pipe(
      map(() => {
        throw this.#undecided(name, new CommError(CommErrorCode.TIMEOUT, text));
      }),
    );
  }

  /** Where NATS fails, nobody has decided on a newcomer: it is not told that it is refused, and tries again. */
  #undecided(name: string, error: unknown): CommError {
    const isTold = this.isConnected || !this.#is('joined');
    if (error instanceof CommError && error.detail === 'name-taken') return error;
    // Any other code would tell the newcomer that it is refused.
    if (error instanceof CommError && isTold)
      return new CommError(CommErrorCode.ERROR, error.message, { cause: error });
    const doing = `nobody can tell whether the name ${name} is free`;
    const message = !this.#bus.isAttached
      ? `cluster: ${doing}: NATS is away`
      : this.isConnected
        ? natsError(error, doing).message
        : `cluster: ${doing}: the endpoints of the other replicas are being read`;
    return new CommError(CommErrorCode.ERROR, message, { cause: error });
  }

  async #join(): Promise<void> {
    this.#become('joining');
    try {
      if (!this.#bus.isOpen) await this.#open();
      await this.#sync.start();
      this.#bus.requireRights();
      await this.#until(this.#members.beats$, () => this.#members.hasHeardAll, HEAR_MS);
      this.#members.requireFit();
      this.#changes.show();
    } catch (error) {
      // A connection that comes later tries again.
      this.#joining = undefined;
      if (this.#is('joining')) throw natsError(error, 'cannot join');
      throw new CommError(CommErrorCode.CLOSED, 'cluster: stopped before it had joined');
    }
    if (!this.#is('joining')) return;
    this.#become('joined');
    this.#hasJoined = true;
    this.#members.join();
  }

  async #open(): Promise<void> {
    await this.#bus.open(this.id);
    this.#listen();
    this.#members.beat();
    const { scheduler } = this.#host.settings;
    this.#running.add(
      interval(this.#members.periodMs, scheduler).subscribe(() => {
        this.#members.sweep();
        if (this.#hasJoined) this.#sync.tend();
      }),
    );
    this.#running.add(
      interval(REPEAT_MS, scheduler).subscribe(() => {
        if (this.#bus.isAttached) this.#links.repeat(false);
      }),
    );
  }

  /** Takes what the others say, and what NATS does. */
  #listen(): void {
    const bus = this.#bus;
    bus.subscribe(bus.subject('beat'), ({ data }) => this.#members.takeBeat(data));
    answerReleases(bus, this.id, (request) => this.#names.answerRelease(request));
    bus.subscribe(bus.subject('data', this.id, '*'), ({ subject, data }) =>
      this.#takeBatch(subject.slice(subject.lastIndexOf('.') + 1), data),
    );
    this.#running.add(this.#members.changes$.subscribe((change) => this.#noteMember(change)));
    this.#running.add(
      bus.attached$.subscribe((isAttached) => {
        if (isAttached) this.#goOn();
        else this.#sync.suspend();
      }),
    );
  }

  /** NATS is back. */
  #goOn(): void {
    if (this.#state === 'left') return;
    this.#members.renew();
    this.#links.repeat(true);
    void this.#sync.resume();
  }

  #noteMember(change: MembershipChange): void {
    const { type, replica } = change;
    const message = type === 'differs' ? change.difference : `replica ${replica} ${HAPPENED[type]}`;
    this.#report({ change: `replica-${type}`, replica, message });
    if (type === 'differs') return;
    this.#changes.noteReplica(replica);
    if (type === 'joined') {
      if (this.#state === 'leaving') this.#links.to(replica).tell('QUIESCE');
      return;
    }
    this.#changes.show();
    this.#links.close(replica);
    this.#spreading.gone(replica);
    this.#hops.forget(replica);
    this.#quieter.next();
  }

  #noteConnected(isConnected: boolean): void {
    const message = isConnected
      ? 'NATS is back, and all endpoints of the other replicas are known'
      : this.#bus.isAttached
        ? 'the endpoints of the other replicas are read again: the bucket is gone, or NATS tells of it no more'
        : 'NATS is away: nobody new gets in, and after a time the endpoints of other replicas are DISCONNECTED';
    this.#report({ change: isConnected ? 'connected' : 'disconnected', message });
  }

  /** While we join, and when we have left, `start` and `stop` tell. */
  #report(event: Omit<ClusterEvent, 'type'>): void {
    if (!this.#hasJoined || this.#state === 'left') return;
    this.#inputs.next({ type: 'report', event: { type: 'cluster', ...event } });
  }

  async #untilQuiet(): Promise<void> {
    const isQuiet = (): boolean => this.#members.alive.every((replica) => this.#quiet.has(replica));
    for (const replica of this.#members.alive) this.#links.to(replica).tell('QUIESCE');
    await this.#until(this.#quieter, isQuiet, this.#host.settings.drainTimeoutMs);
  }

  /** Resolves when something is so, or has not become so in time. @param changes$ - emits when it may have become so */
  async #until(changes$: Observable<void>, isSo: () => boolean, timeoutMs: number): Promise<void> {
    const waiting$ = changes$.pipe(
      startWith(undefined),
      map(isSo),
      takeWhile((is) => !is),
      takeUntil(timer(timeoutMs, this.#host.settings.scheduler)),
    );
    await lastValueFrom(waiting$, { defaultValue: undefined });
  }

  async #sayFarewell(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));
    this.#members.leave();
    await this.#names.idle();
    await this.#sync.unmark();
    await this.#bus.nats.flush();
  }

  /** A connector may have started before its communicator: then we join now. */
  async #claim(endpoint: Endpoint, isWanted: () => boolean, whenOurs: () => void): Promise<void> {
    if (this.#state === 'idle' || this.#state === 'joining') await this.start();
    if (this.#state !== 'joined') throw new CommError(CommErrorCode.ERROR, 'cluster: this replica leaves');
    if (!this.#bus.isAttached) throw new CommError(CommErrorCode.ERROR, 'cluster: NATS is away');
    await this.#names.claim(endpoint, isWanted, whenOurs);
  }

  #sinkTo(name: string): RemoteSink | undefined {
    const entry = this.#names.get(name);
    if (entry === undefined || entry.replica === this.id || !this.#members.isAlive(entry.replica))
      return undefined;
    return this.#links.to(entry.replica).sinkTo(name, entry.generation);
  }

  #endsOf(replica: string): LinkEnds {
    const { localName, settings } = this.#host;
    const subject = this.#bus.subject('data', replica, this.id);
    return {
      maxPayload: this.#bus.maxPayload,
      maxFrameBytes: MAX_FRAME_BYTES,
      highWaterMarkBytes: settings.highWaterMarkBytes,
      publish: (batch) => this.#bus.publish(subject, batch),
      accept: ({ name, generation }, ...message) =>
        this.#names.isOurs(name, generation) && this.#host.accept(name, ...message),
      arrive: (...message) => this.#spreading.arrive(replica, ...message),
      remove: ({ name, generation }) => {
        if (this.#names.isOurs(name, generation)) this.#host.remove(name);
      },
      lost: (name = localName, losses) => this.#inputs.next({ type: 'lost', name, ...losses }),
      told: (type) => this.#told(replica, type),
    };
  }

  #told(replica: string, type: 'quiesce' | 'quiesced'): void {
    if (type === 'quiesce') {
      this.#members.noteClosing(replica);
      this.#inputs.next({ type: 'replica-closing', replica });
    } else {
      this.#quiet.add(replica);
      this.#quieter.next();
    }
  }

  #takeBatch(replica: string, batch: Uint8Array): void {
    // A stranger gives a sign of life first; what it sent comes again.
    if (!this.#members.isAlive(replica)) return;
    this.#members.seen(replica);
    this.#links.to(replica).receive(batch);
  }

  /** Ends early when the replica has left. */
  #after(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const waiting = timer(ms, this.#host.settings.scheduler).subscribe(() => {
        this.#running.remove(waiting);
        resolve();
      });
      waiting.add(resolve);
      this.#running.add(waiting);
    });
  }
}
