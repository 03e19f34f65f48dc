import {
  connect,
  type Msg,
  type NatsConnection,
  type NodeConnectionOptions,
  PermissionViolationError,
  type QueuedIterator,
  type Status,
} from '@nats-io/transport-node';
import { type Observable, Subject, Subscription } from 'rxjs';

import { CommError, CommErrorCode, messageOf } from '../comm-error.js';
import { logger } from '../log.js';
import { oneLine } from '../quoted.js';
import { natsError } from './nats-error.js';
import { isConnection, type ResolvedClusterOptions } from './options.js';

const log = logger('cluster');

/*
 *   idle --open--> attached --NATS goes--> away
 *     \             |   ^____NATS is back___/ |
 *      \____________|_________________________|__close--> closed
 */
type State = 'idle' | 'attached' | 'away' | 'closed';

/** The connection to NATS, and what one cluster says there. */
export class Bus {
  /** Emits false when NATS goes away, and true when it is back. */
  readonly attached$: Observable<boolean>;

  readonly #options: ResolvedClusterOptions;
  readonly #attached = new Subject<boolean>();
  readonly #listening = new Subscription();
  #state: State = 'idle';
  #nats: NatsConnection | undefined;
  /** Default: that of NATS servers. */
  #maxPayload = 1024 ** 2;
  #rejected = 0;
  #violation: PermissionViolationError | undefined;

  constructor(options: ResolvedClusterOptions) {
    this.#options = options;
    this.attached$ = this.#attached.asObservable();
  }

  /** Whether it was opened, and is not closed. NATS may be away. */
  get isOpen(): boolean {
    return this.#state === 'attached' || this.#state === 'away';
  }

  /** Whether NATS is there. */
  get isAttached(): boolean {
    return this.#state === 'attached' && !this.nats.isClosed();
  }

  /** The connection. @throws Error before it is open */
  get nats(): NatsConnection {
    if (this.#nats === undefined) throw new Error('the connection to NATS is not open yet');
    return this.#nats;
  }

  /** The largest message of NATS, in bytes. */
  get maxPayload(): number {
    return this.#maxPayload;
  }

  /** How many messages of NATS were broken or forged. */
  get rejected(): number {
    return this.#rejected;
  }

  /**
   * Connects to NATS.
   *
   * @param self - our ID, which NATS shows
   * @throws CommError `CLOSED` where it is closed in between, `NOT_SUPPORTED` where NATS is too old; errors of NATS
   */
  async open(self: string): Promise<void> {
    const { name, nats: given, replicaTimeoutMs } = this.#options;
    const nats = isConnection(given)
      ? given
      : await connectTo({
          maxReconnectAttempts: -1,
          // A login that NATS does not take for a while must not end the replica.
          ignoreAuthErrorAbort: true,
          reconnectTimeWait: 250,
          pingInterval: Math.max(1_000, replicaTimeoutMs / 2),
          name: `rxflare ${name} ${self}`,
          ...given,
        });
    try {
      if (this.#state === 'closed') throw new CommError(CommErrorCode.CLOSED, 'cluster: closed meanwhile');
      requireVersion(nats.info?.version);
    } catch (error) {
      if (!isConnection(given)) await nats.close();
      throw error;
    }
    this.#nats = nats;
    // While it reconnects, it does not say.
    this.#maxPayload = nats.info?.max_payload ?? this.#maxPayload;
    this.#become('attached');
    void this.#watch(nats).catch((error: unknown) => log('%s: %s', name, messageOf(error)));
  }

  /** `rxflare.<name of the cluster>.` and the tokens. */
  subject(...tokens: readonly string[]): string {
    return ['rxflare', this.#options.name, ...tokens].join('.');
  }

  /** Takes what comes on a subject. A message that `take` throws on is rejected. */
  subscribe(subject: string, take: (message: Msg) => void): void {
    const { nats } = this;
    const subscription = nats.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) this.#take(message, take);
        else this.#noteError(error);
      },
    });
    this.#listening.add(() => {
      if (!nats.isClosed()) subscription.unsubscribe();
    });
  }

  /** What cannot go out is as what NATS drops: a connection of the application may be closed by it at any time. */
  publish(subject: string, bytes: Uint8Array): void {
    if (!this.isAttached) return;
    try {
      this.nats.publish(subject, bytes);
    } catch (error) {
      log('%s: %s', subject, messageOf(error));
    }
  }

  /** Sends a request, and resolves with the answer. Rejects where there is none. */
  async request(subject: string, bytes: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const { data } = await this.nats.request(subject, bytes, { timeout: Math.max(1, timeoutMs) });
    return data;
  }

  /**
   * What NATS refused of what we said until its last answer came.
   *
   * @throws PermissionViolationError where it was about a subject of ours: the others would not hear us, or we not them
   */
  requireRights(): void {
    if (this.#violation !== undefined) throw this.#violation;
  }

  /** What others send may be anything: it is counted, and goes no further. */
  reject(reason: string): void {
    this.#rejected += 1;
    log('a message is rejected: %s', reason);
  }

  /** Listens no more, and closes the connection unless it is the application's. */
  async close(): Promise<void> {
    this.#become('closed');
    this.#listening.unsubscribe();
    if (!isConnection(this.#options.nats)) await this.#nats?.close();
  }

  async #watch(nats: NatsConnection): Promise<void> {
    const changes = nats.status() as QueuedIterator<Status>;
    this.#listening.add(() => changes.stop());
    for await (const change of changes) {
      if (change.type === 'disconnect' || change.type === 'close') this.#become('away');
      else if (change.type === 'reconnect') this.#become('attached');
      else if (change.type === 'error') this.#noteError(change.error);
    }
  }

  /** On a connection of the application there may be errors of others. */
  #noteError(error: Error): void {
    log('%s', error.message);
    if (error instanceof PermissionViolationError && error.subject.startsWith(this.subject('')))
      this.#violation ??= error;
  }

  /** The one place that changes the state. */
  #become(state: State): void {
    const before = this.#state;
    if (before === 'closed') return;
    this.#state = state;
    if (before === 'idle' || state === 'closed') return;
    log(state === 'away' ? 'NATS is away' : 'NATS is back');
    this.#attached.next(state === 'attached');
  }

  #take(message: Msg, take: (message: Msg) => void): void {
    try {
      take(message);
    } catch (error) {
      this.reject(messageOf(error));
    }
  }
}

/** Errors of the system do not always say where. @throws errors of NATS; CommError `NOT_READY` where nothing is reachable */
async function connectTo(options: NodeConnectionOptions): Promise<NatsConnection> {
  try {
    return await connect(options);
  } catch (error) {
    throw natsError(error, `cannot join at ${placesOf(options.servers)}`);
  }
}

/** The servers, without what may be secret in their URLs. */
function placesOf(servers: NodeConnectionOptions['servers'] = 'localhost'): string {
  return [servers]
    .flat()
    .map((server) => oneLine(server.replace(/^.*@/s, '').replace(/^[a-z]+:\/\//i, '')))
    .join(', ');
}

/** @throws CommError `NOT_SUPPORTED` where it is too old. A connection that is away does not say */
function requireVersion(version: string | undefined): void {
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
  if (version === undefined || major > 2 || (major === 2 && minor >= 11)) return;
  throw new CommError(CommErrorCode.NOT_SUPPORTED, `cluster: expected NATS 2.11 or later, got ${version}`);
}
