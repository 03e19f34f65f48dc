import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';

import {
  connect,
  type Msg,
  type NatsConnection,
  type QueuedIterator,
  type Status,
} from '@nats-io/transport-node';
import {
  concat,
  defer,
  EMPTY,
  firstValueFrom,
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
import type { ClusterInput, RemoteChange, Replica, ReplicaHost } from '../cluster-contract.js';
import { CommError, CommErrorCode, messageOf } from '../comm-error.js';
import { type Endpoint, EndpointState } from '../endpoint.js';
import { logger } from '../log.js';
import type { ReceivedMessage } from '../received-message.js';
import type { Sink } from '../sink.js';
import { decodeMap, encodeMap } from '../wire/map-codec.js';
import { MAX_FRAME_BYTES } from '../wire/prefix.js';
import { Directory, type DirectoryEvent } from './directory.js';
import { SPREAD_NAME } from './incoming-link.js';
import { Link } from './link.js';
import { Lives } from './lives.js';
import { Names } from './names.js';
import { natsError } from './nats-error.js';
import { isConnection, type ResolvedClusterOptions } from './options.js';
import {
  decodeAnswer,
  decodeRequest,
  encodeAsked,
  type ReleaseAnswer,
  type ReleaseRequest,
} from './release.js';
import { isReplicaId, markOf } from './replica-id.js';
import { Spreading } from './spreading.js';

const log = logger('cluster');

/** How often what is not acknowledged is sent again. */
const REPEAT_MS = 500;

/** How long it may take to read the directory: 100,000 endpoints take seconds. */
const SYNC_TIMEOUT_MS = 60_000;

/** How long to wait before NATS is asked again for the directory. */
const SYNC_AGAIN_MS = 500;

/** The most replicas of a cluster, so that forged signs of life take no memory. */
const MAX_REPLICAS = 1_000;

/*
 *   idle --start--> joining --all endpoints known--> joined --quiesce--> leaving --leave--> left
 */
type State = 'idle' | 'joining' | 'joined' | 'leaving' | 'left';

/** One communicator in a cluster of NATS: who has which name, who lives, and the links to the others. */
export class NatsReplica implements Replica {
  readonly inputs$: Observable<ClusterInput>;
  /** Our ID: the name of the host, and a random part, so that each start of a process has its own. */
  readonly id = `${hostname()
    .replaceAll(/[^A-Za-z0-9_-]/g, '_')
    .slice(0, 40)}-${randomBytes(6).toString('base64url')}`;

  /** {@inheritDoc Replica.mark} */
  readonly mark = markOf(this.id);

  readonly #host: ReplicaHost;
  readonly #options: ResolvedClusterOptions;
  readonly #spreading: Spreading;
  readonly #now: () => number;
  readonly #inputs = new Subject<ClusterInput>();
  readonly #lives: Lives;
  readonly #links = new Map<string, Link>();
  /** What is known of links that have ended. */
  readonly #lastEpochs = new Map<string, number>();
  readonly #running = new Subscription();
  readonly #quiet = new Set<string>();
  /** The others that are about to stop. */
  readonly #closing = new Set<string>();
  /** Those that are gone, and whose entries are being deleted. */
  readonly #cleaning = new Set<string>();
  readonly #quieter = new Subject<void>();
  /** The names whose entries have changed, with the replicas that had them before. */
  readonly #changed = new Map<string, string | undefined>();
  readonly #markers = new Subject<number>();
  #state: State = 'idle';
  /** Whether NATS is there. */
  #isAttached = true;
  /** Whether all endpoints of the others are known, too. */
  #isConnected = false;
  #epoch = 0;
  #channel = 0;
  /** The largest message of NATS. Default: that of NATS servers. */
  #maxPayload = 1024 ** 2;
  #syncs = 0;
  #syncsAgain = 0;
  #isChecking = false;
  #rejected = 0;
  #nats: NatsConnection | undefined;
  #directory: Directory | undefined;
  #names: Names | undefined;
  #joining: Promise<void> | undefined;

  constructor(options: ResolvedClusterOptions, host: ReplicaHost) {
    this.#options = options;
    this.#host = host;
    this.#now = clockOf(host.settings.scheduler);
    this.#lives = new Lives(options.replicaTimeoutMs);
    this.inputs$ = this.#inputs.asObservable();
    this.#spreading = new Spreading({
      self: this.id,
      host,
      rules: options.deliver,
      others: () =>
        this.#closing.size === 0
          ? this.#lives.alive
          : this.#lives.alive.filter((replica) => !this.#closing.has(replica)),
      sinkTo: (replica) => this.#linkTo(replica).spread,
    });
    this.spread = (received) => this.#spreading.spread(received);
  }

  /** Whether NATS is there, and all endpoints of the others are known. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** The IDs of the other replicas that live. */
  get replicas(): readonly string[] {
    return this.#state === 'left' ? [] : this.#lives.alive;
  }

  /** How many messages of NATS were broken or forged. */
  get rejected(): number {
    return this.#rejected;
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
      ).catch((error: unknown) => subscriber.error(undecided(error)));
      return () => (isWanted = false);
    });
  }

  /** {@inheritDoc Replica.spread} */
  readonly spread: (received: ReceivedMessage) => boolean;

  release(name: string): void {
    this.#names?.release(name);
  }

  sinkTo(name: string): Sink | undefined {
    const entry = this.#names?.get(name);
    if (entry === undefined || entry.replica === this.id || !this.#lives.isAlive(entry.replica))
      return undefined;
    return this.#linkTo(entry.replica).sinkTo(name, entry.generation);
  }

  remove(name: string): void {
    const entry = this.#names?.get(name);
    if (entry === undefined || entry.replica === this.id || !this.#lives.isAlive(entry.replica)) return;
    this.#linkTo(entry.replica).sinkTo(name, entry.generation).remove();
  }

  handedOver(replica: string): void {
    if (this.#lives.isAlive(replica)) this.#linkTo(replica).tell('QUIESCED');
  }

  async quiesce(): Promise<void> {
    const wasJoined = this.#state === 'joined';
    this.#become('leaving');
    if (wasJoined && this.#isConnected) await this.#untilQuiet();
    this.#spreading.close();
  }

  async #untilQuiet(): Promise<void> {
    const isQuiet = (): boolean => this.#lives.alive.every((replica) => this.#quiet.has(replica));
    for (const replica of this.#lives.alive) this.#linkTo(replica).tell('QUIESCE');
    const quiet$ = this.#quieter.pipe(
      startWith(undefined),
      map(isQuiet),
      takeWhile((is) => !is),
      takeUntil(timer(this.#host.settings.drainTimeoutMs, this.#host.settings.scheduler)),
    );
    await lastValueFrom(quiet$, { defaultValue: undefined });
  }

  arrived(): Observable<never> {
    const { drainTimeoutMs, scheduler } = this.#host.settings;
    const settled$ = defer(() => from(Promise.all([...this.#links.values()].map((link) => link.settled()))));
    return concat(
      settled$.pipe(ignoreElements(), takeUntil(timer(drainTimeoutMs, scheduler))),
      defer(() => {
        for (const link of this.#links.values()) link.abandon();
        this.#hideAll();
        return EMPTY;
      }),
    );
  }

  async leave(): Promise<void> {
    if (this.#state === 'left') return;
    const { drainTimeoutMs } = this.#host.settings;
    const nats = this.#nats;
    this.#become('left');
    this.#isConnected = false;
    if (nats !== undefined && !nats.isClosed()) {
      const farewell = this.#sayFarewell(nats).catch((error: unknown) =>
        log('NATS did not take our farewell: %s', messageOf(error)),
      );
      await Promise.race([farewell, this.#after(Math.max(drainTimeoutMs, 1_000))]);
    }
    this.#running.unsubscribe();
    this.#markers.complete();
    this.#directory?.close();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    this.#spreading.complete();
    this.#inputs.complete();
    if (nats !== undefined && !isConnection(this.#options.nats)) await nats.close();
  }

  /** A call, since `stop` may come in between. */
  #is(state: State): boolean {
    return this.#state === state;
  }

  /** The one place that changes the state. */
  #become(state: State): void {
    this.#state = state;
  }

  async #join(): Promise<void> {
    this.#become('joining');
    try {
      if (this.#nats === undefined) await this.#connect();
      await this.#sync();
    } catch (error) {
      // A connection that comes later tries again.
      this.#joining = undefined;
      throw this.#is('joining') ? natsError(error, 'cannot join') : stopped();
    }
    if (this.#is('joining')) this.#become('joined');
  }

  async #connect(): Promise<void> {
    const { name, nats: given, replicaTimeoutMs } = this.#options;
    const nats = isConnection(given)
      ? given
      : await connect({
          maxReconnectAttempts: -1,
          reconnectTimeWait: 250,
          pingInterval: Math.max(1_000, replicaTimeoutMs / 2),
          name: `rxflare ${name} ${this.id}`,
          ...given,
        });
    try {
      if (!this.#is('joining')) throw stopped();
      requireVersion(nats.info?.version);
    } catch (error) {
      if (!isConnection(given)) await nats.close();
      throw error;
    }
    this.#nats = nats;
    // While it reconnects, it does not say.
    this.#maxPayload = nats.info?.max_payload ?? this.#maxPayload;
    this.#directory = new Directory(nats, this.#options, this.#host.settings.maxEndpointProperties);
    this.#names = this.#newNames(this.#directory);
    this.#listen(nats);
    this.#beat();
    this.#tick();
  }

  /** Does what is to be done again and again. */
  #tick(): void {
    const { scheduler } = this.#host.settings;
    this.#running.add(interval(this.#lives.periodMs, scheduler).subscribe(() => this.#sweep()));
    this.#running.add(
      interval(REPEAT_MS, scheduler).subscribe(() => {
        if (this.#isOnline) for (const link of this.#links.values()) link.repeat(false);
      }),
    );
  }

  /** A connector may have started before its communicator: then we join now. */
  async #claim(endpoint: Endpoint, isWanted: () => boolean, whenOurs: () => void): Promise<void> {
    if (this.#state === 'idle' || this.#state === 'joining') await this.start();
    if (this.#names === undefined || this.#state !== 'joined')
      throw new CommError(CommErrorCode.ERROR, 'cluster: this replica leaves');
    await this.#names.claim(endpoint, isWanted, whenOurs);
  }

  #newNames(directory: Directory): Names {
    return new Names({
      self: this.id,
      host: this.#host,
      directory,
      now: this.#now,
      after: (ms) => this.#after(ms),
      isAlive: (replica) => this.#lives.isAlive(replica),
      ask: (...question) => this.#ask(...question),
      changed: (name, before) => this.#noteChanged(name, before),
    });
  }

  get #isOnline(): boolean {
    return this.#nats?.isClosed() === false && this.#isAttached;
  }

  /** Subscribes to what the others say. */
  #listen(nats: NatsConnection): void {
    const { name } = this.#options;
    const subscribe = (subject: string, take: (message: Msg) => void): void => {
      const subscription = nats.subscribe(subject, {
        callback: (error, message) => {
          if (error === null) this.#guarded(() => take(message));
          else log('%s: %s', subject, error.message);
        },
      });
      this.#running.add(() => {
        if (!nats.isClosed()) subscription.unsubscribe();
      });
    };
    subscribe(this.#subject('beat'), ({ data }) => this.#takeBeat(data));
    subscribe(this.#subject('ask', this.id), (message) => this.#takeQuestion(message));
    subscribe(this.#subject('data', this.id, '*'), ({ subject, data }) =>
      this.#takeBatch(subject.slice(subject.lastIndexOf('.') + 1), data),
    );
    void this.#watchConnection(nats).catch((error: unknown) => log('%s: %s', name, messageOf(error)));
  }

  /** What others send may be anything: it is counted, and goes no further. */
  #guarded(take: () => void): void {
    try {
      take();
    } catch (error) {
      this.#rejected += 1;
      log('a message is rejected: %s', messageOf(error));
    }
  }

  async #watchConnection(nats: NatsConnection): Promise<void> {
    const changes = nats.status() as QueuedIterator<Status>;
    this.#running.add(() => changes.stop());
    for await (const { type } of changes) {
      if (this.#state === 'left') return;
      if (type === 'disconnect' || type === 'close') {
        log('NATS is away');
        this.#isAttached = false;
        this.#isConnected = false;
      } else if (type === 'reconnect') {
        log('NATS is back');
        this.#isAttached = true;
        this.#lives.renew(this.#now());
        this.#beat();
        for (const link of this.#links.values()) link.repeat(true);
        void this.#syncAgain();
      }
    }
  }

  /** Reads the directory from its beginning; resolves when everything that was there is known. */
  async #sync(): Promise<void> {
    const late = this.#after(SYNC_TIMEOUT_MS).then(() => {
      throw new CommError(
        CommErrorCode.TIMEOUT,
        `cluster: no answer of JetStream within ${SYNC_TIMEOUT_MS} ms`,
      );
    });
    await Promise.race([this.#read(), late]);
  }

  async #read(): Promise<void> {
    const directory = this.#directory;
    const names = this.#names;
    if (directory === undefined || names === undefined) return;
    const sync = (this.#syncs += 1);
    let seen = 0;
    const seeing = this.#markers.subscribe((revision) => (seen = revision));
    try {
      names.beginReplay();
      await directory.watch((event) => {
        if (sync === this.#syncs) this.#takeChange(event);
      });
      const mark = await directory.mark(this.id);
      while (seen < mark) await firstValueFrom(this.#markers);
      if (sync !== this.#syncs) return;
      names.endReplay();
      this.#isConnected = true;
      this.#showChanges();
    } finally {
      seeing.unsubscribe();
    }
  }

  /** NATS tells nobody that the bucket is gone: then it is made anew, and each replica writes what it has. */
  async #checkDirectory(): Promise<void> {
    const directory = this.#directory;
    const syncs = this.#syncs;
    if (this.#isChecking || directory === undefined) return;
    this.#isChecking = true;
    const isThere = await directory.hasMark(this.id).catch((error: unknown) => {
      log('the bucket cannot be read: %s', messageOf(error));
      return false;
    });
    this.#isChecking = false;
    if (isThere || syncs !== this.#syncs || !this.#isConnected || !this.#is('joined')) return;
    log('the endpoints are read again');
    await this.#syncAgain();
  }

  async #syncAgain(): Promise<void> {
    const again = (this.#syncsAgain += 1);
    while (again === this.#syncsAgain) {
      try {
        await this.#sync();
        return;
      } catch (error) {
        log('the endpoints cannot be read again: %s', messageOf(error));
      }
      await this.#after(SYNC_AGAIN_MS);
      if (!this.#isOnline || this.#state === 'left') return;
    }
  }

  #takeChange(event: DirectoryEvent): void {
    if (event.type === 'broken') {
      this.#rejected += 1;
      return;
    }
    if (event.type === 'marker') {
      const { replica, revision, isGone } = event;
      if (replica !== this.id) {
        if (isGone) return;
        // Of those that were there before us, some may be dead.
        if (this.#isConnected) this.#seen(replica, true);
        else this.#lives.noteTrace(replica, this.#now());
      } else if (!isGone) this.#markers.next(revision);
      else if (this.#state !== 'left') void this.#directory?.mark(this.id).catch(() => undefined);
      return;
    }
    // What is written now, a living replica has written; what was there may be left of a dead one.
    if (event.entry !== undefined && event.entry.replica !== this.id)
      this.#seen(event.entry.replica, this.#isConnected || this.#syncs === 1);
    this.#names?.take(event);
  }

  /** @param isProof - it lives now, even if it was taken for gone */
  #seen(replica: string, isProof: boolean): void {
    const isGone = this.#lives.gone(0).some(([gone]) => gone === replica);
    if ((isGone && !isProof) || (!this.#lives.isAlive(replica) && this.#lives.alive.length >= MAX_REPLICAS))
      return;
    if (this.#lives.isAlive(replica) && !isProof) return;
    if (!this.#lives.seen(replica, this.#now())) return;
    this.#noteReplica(replica);
    if (this.#state === 'leaving') this.#linkTo(replica).tell('QUIESCE');
    // So that it knows us at once too.
    this.#beat();
  }

  /** Gives a sign of life. */
  #beat(isLeaving = false): void {
    this.#publish(this.#subject('beat'), encodeMap({ replica: this.id, isLeaving }).slice());
  }

  /** What cannot go out is as what NATS drops: a connection of the application may be closed by it at any time. */
  #publish(subject: string, bytes: Uint8Array): void {
    if (!this.#isOnline) return;
    try {
      this.#nats?.publish(subject, bytes);
    } catch (error) {
      log('%s: %s', subject, messageOf(error));
    }
  }

  #takeBeat(data: Uint8Array): void {
    const { replica, isLeaving } = decodeMap(data);
    if (!isReplicaId(replica))
      throw new CommError(CommErrorCode.BAD_DATA, 'a beat without a valid replica ID');
    if (replica === this.id) return;
    if (isLeaving !== true) this.#seen(replica, true);
    else if (this.#lives.left(replica, this.#now())) this.#noteGone(replica);
  }

  #sweep(): void {
    if (this.#state === 'left') return;
    this.#beat();
    for (const replica of this.#lives.sweep(this.#now())) {
      log('replica %s is silent', replica);
      this.#noteGone(replica);
    }
    if (!this.#isConnected) return;
    this.#names?.retry();
    this.#cleanUp();
    void this.#checkDirectory();
  }

  /** Deletes what replicas left that are gone: one of us at a time, and the next one where that did not do it. */
  #cleanUp(): void {
    const { periodMs } = this.#lives;
    const rank = [...this.#lives.alive, this.id].sort().indexOf(this.id);
    for (const [replica, goneForMs] of this.#lives.gone(this.#now())) {
      if (goneForMs < (rank * 4 + 1) * periodMs || this.#cleaning.has(replica)) continue;
      const left = [...(this.#names?.of(replica) ?? [])];
      if (left.length === 0) {
        this.#lives.forget(replica);
        this.#closing.delete(replica);
      }
      this.#cleaning.add(replica);
      this.#removeAll(replica, left)
        .catch((error: unknown) => log('%s is not cleaned up: %s', replica, messageOf(error)))
        .finally(() => this.#cleaning.delete(replica));
    }
  }

  async #removeAll(replica: string, left: readonly (readonly [string, number])[]): Promise<void> {
    const directory = this.#directory;
    if (directory === undefined) return;
    await Promise.all(left.map(([name, revision]) => directory.remove(name, revision)));
    await directory.unmark(replica);
  }

  #noteGone(replica: string): void {
    this.#noteReplica(replica);
    this.#showChanges();
    this.#closeLink(replica);
    this.#spreading.gone(replica);
    this.#quieter.next();
  }

  /** One that was only frozen repeats what it had sent. */
  #closeLink(replica: string): void {
    const link = this.#links.get(replica);
    if (link === undefined) return;
    link.close();
    this.#links.delete(replica);
    this.#lastEpochs.delete(replica);
    this.#lastEpochs.set(replica, link.lastEpoch);
    const [oldest] = this.#lastEpochs.keys();
    if (this.#lastEpochs.size > MAX_REPLICAS && oldest !== undefined) this.#lastEpochs.delete(oldest);
  }

  #noteReplica(replica: string): void {
    for (const [name] of this.#names?.of(replica) ?? []) this.#noteChanged(name, replica);
  }

  #noteChanged(name: string, before: string | undefined): void {
    if (this.#changed.size === 0) setImmediate(() => this.#showChanges());
    if (!this.#changed.has(name)) this.#changed.set(name, before);
    else if (this.#changed.get(name) === undefined) this.#changed.set(name, before);
  }

  /** Tells the loop what has changed since the last time, in one step. */
  #showChanges(): void {
    const changes: RemoteChange[] = [];
    for (const [name, before] of this.#changed) {
      const entry = this.#names?.get(name);
      const isShown = entry !== undefined && entry.replica !== this.id && this.#lives.isAlive(entry.replica);
      if (before !== undefined && before !== entry?.replica) this.#links.get(before)?.closeSink(name);
      if (isShown) {
        const { replica, endpoint, generation } = entry;
        this.#links.get(replica)?.closeSink(name, generation);
        const isClosing = this.#closing.has(replica);
        changes.push({
          name,
          replica,
          endpoint: isClosing ? endpoint.withState(EndpointState.CLOSING) : endpoint,
        });
        continue;
      }
      const replica = before ?? entry?.replica;
      if (replica !== undefined && replica !== this.id) changes.push({ name, replica });
    }
    this.#changed.clear();
    this.#emit(changes);
  }

  #hideAll(): void {
    this.#changed.clear();
    this.#emit([...(this.#names?.others() ?? [])].map(([name, { replica }]) => ({ name, replica })));
  }

  #emit(changes: readonly RemoteChange[]): void {
    const { scheduler } = this.#host.settings;
    if (changes.length > 0) this.#inputs.next({ type: 'remote', changes, at: scheduler.now() });
  }

  #linkTo(replica: string): Link {
    const known = this.#links.get(replica);
    if (known !== undefined) return known;
    const { highWaterMarkBytes } = this.#host.settings;
    const subject = this.#subject('data', replica, this.id);
    const link = new Link({
      maxPayload: this.#maxPayload,
      maxFrameBytes: MAX_FRAME_BYTES,
      highWaterMarkBytes,
      lastEpoch: this.#lastEpochs.get(replica) ?? 0,
      nextEpoch: () => (this.#epoch += 1),
      nextChannel: () => (this.#channel += 1),
      publish: (batch) => this.#publish(subject, batch),
      accept: (name, generation, ...message) =>
        this.#names?.isOurs(name, generation) === true && this.#host.accept(name, ...message),
      arrive: (...message) => this.#spreading.arrive(replica, ...message),
      remove: (name, generation) => {
        if (this.#names?.isOurs(name, generation) === true) this.#host.remove(name);
      },
      lost: (name, losses) =>
        this.#inputs.next({
          type: 'lost',
          name: name === SPREAD_NAME ? this.#host.localName : name,
          ...losses,
        }),
      told: (type) => this.#told(replica, type),
    });
    this.#links.set(replica, link);
    return link;
  }

  #told(replica: string, type: 'quiesce' | 'quiesced'): void {
    if (type === 'quiesce') {
      this.#closing.add(replica);
      this.#inputs.next({ type: 'replica-closing', replica });
      return;
    }
    this.#quiet.add(replica);
    this.#quieter.next();
  }

  #takeBatch(replica: string, batch: Uint8Array): void {
    // A stranger gives a sign of life first; what it sent comes again.
    if (!this.#lives.isAlive(replica)) return;
    this.#lives.seen(replica, this.#now());
    this.#linkTo(replica).receive(batch);
  }

  async #ask(replica: string, request: ReleaseRequest, timeoutMs: number): Promise<ReleaseAnswer> {
    const subject = this.#subject('ask', replica);
    const reply = await this.#nats?.request(subject, encodeAsked(request), {
      timeout: Math.max(1, timeoutMs),
    });
    const answer = reply && decodeAnswer(reply.data);
    if (answer === undefined) throw new Error('no answer');
    return answer;
  }

  #takeQuestion(message: Msg): void {
    const request = decodeRequest(message.data);
    if (request === undefined) throw new CommError(CommErrorCode.BAD_DATA, 'not a release request');
    this.#names
      ?.answer(request)
      .then((answer) => message.respond(encodeAsked(answer)))
      .catch((error: unknown) => log('%s is not let go of: %s', request.name, messageOf(error)));
  }

  async #sayFarewell(nats: NatsConnection): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));
    this.#beat(true);
    await this.#names?.idle();
    await this.#directory?.unmark(this.id);
    await nats.flush();
  }

  #subject(...tokens: readonly string[]): string {
    return ['rxflare', this.#options.name, ...tokens].join('.');
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

/** Where NATS fails, nobody has decided on a newcomer: it is not told that it is refused, and tries again. */
function undecided(error: unknown): CommError {
  if (error instanceof CommError && error.detail === 'name-taken') return error;
  const { message } = natsError(error, 'a name cannot be taken');
  return new CommError(CommErrorCode.ERROR, message, { cause: error });
}

function stopped(): CommError {
  return new CommError(CommErrorCode.CLOSED, 'cluster: stopped before it had joined');
}

/** @throws CommError `NOT_SUPPORTED` where it is too old. A connection that is away does not say */
function requireVersion(version: string | undefined): void {
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
  if (version === undefined || major > 2 || (major === 2 && minor >= 11)) return;
  throw new CommError(CommErrorCode.NOT_SUPPORTED, `cluster: expected NATS 2.11 or later, got ${version}`);
}
