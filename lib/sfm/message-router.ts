import { type Observable, Subject, type Subscription } from 'rxjs';

import { CommError, CommErrorCode, messageOf } from '../comm-error.js';
import { isPromise } from '../is-promise.js';
import type { CallbackErrorEvent, DroppedEvent } from '../lifecycle.js';
import { logger } from '../log.js';
import { AppIds } from '../message.js';
import type { MessageReceiver, ReceivedMessage } from '../received-message.js';
import type { Tally } from '../stats.js';
import type { Connection } from '../transport/connection.js';
import { KeyedSource } from '../transport/keyed-source.js';
import { isPowerOfTwo } from '../transport/power-of-two.js';
import { frameMemory, MAX_READ_BYTES } from '../wire/frame-memory.js';
import { type Hold, PendingMemory } from './pending-memory.js';

const log = logger('router');

interface Pending {
  readonly memory: PendingMemory;
  hasPaused: boolean;
}

/** Hands messages to those who asked for their app ID. */
export class MessageRouter {
  /** Messages that nobody listens to, and what receivers threw. */
  readonly events$: Observable<DroppedEvent | CallbackErrorEvent>;

  readonly #maxPendingBytes: number;
  readonly #events = new Subject<DroppedEvent | CallbackErrorEvent>();
  readonly #apps = new KeyedSource<number, ReceivedMessage>();
  readonly #receivers = new Set<number>();
  /** Messages that nobody asked for, by app ID. */
  readonly #dropped = new Map<number, Tally>();
  /** What unfinished receivers hold, by connection. */
  readonly #pending = new WeakMap<Connection, Pending>();

  constructor(maxPendingBytes: number) {
    this.#maxPendingBytes = maxPendingBytes;
    this.events$ = this.#events.asObservable();
  }

  /** Passes a message on to other replicas; answers whether this one gets it too. Absent: it does. */
  spread: ((received: ReceivedMessage) => boolean) | undefined;

  /**
   * Passes on one message; one that nobody listens to is dropped and reported.
   *
   * @returns whether anybody listens
   */
  route(received: ReceivedMessage): boolean {
    return this.spread?.(received) === false || this.routeHere(received);
  }

  /** Does the same, and never at another replica. */
  routeHere(received: ReceivedMessage): boolean {
    // A smaller message has no memory that could be given back.
    if (received.bytes > MAX_READ_BYTES && this.#apps.isShared(received.appId)) shareAll(received);
    const isHeard = this.#apps.next(received.appId, received);
    if (!isHeard) this.#drop(received);
    return isHeard;
  }

  /** The memory that unfinished receivers of a connection's messages keep, in bytes. */
  pendingBytes(connection: Connection): number {
    return this.#pending.get(connection)?.memory.bytes ?? 0;
  }

  /** The messages of an app ID, from the subscription on. */
  messages(appId: number): Observable<ReceivedMessage> {
    return this.#apps.values(appId);
  }

  /**
   * Registers the receiver of an app ID.
   *
   * @param isBorrowing - it is done with a message when it returns, or its promise settles
   * @returns unsubscribing takes it away
   * @throws CommError `BAD_CONFIG` where the app ID has one, or the receiver cannot be called
   */
  register(appId: number, receiver: MessageReceiver, isBorrowing = false): Subscription {
    const process = processOf(receiver);
    if (this.#receivers.has(appId)) {
      const hint =
        appId === AppIds.DEFAULT
          ? ': cells receive under it, so an application takes another, such as 100'
          : '';
      throw new CommError(CommErrorCode.BAD_CONFIG, `app ID ${appId} has a receiver already${hint}`);
    }
    this.#receivers.add(appId);
    const done = isBorrowing ? release : undefined;
    const subscription = this.messages(appId).subscribe((received) => this.#process(received, process, done));
    subscription.add(() => this.#receivers.delete(appId));
    return subscription;
  }

  /** Ends the streams. */
  complete(): void {
    this.#apps.complete();
    this.#events.complete();
  }

  /** @param done - called once the receiver is done with the message */
  #process(
    received: ReceivedMessage,
    process: (received: ReceivedMessage) => unknown,
    done?: (received: ReceivedMessage) => void,
  ): void {
    try {
      const work = process(received);
      if (isPromise(work)) {
        this.#await(work, received, done);
        return;
      }
    } catch (error) {
      this.#reportError(received, error);
    }
    done?.(received);
  }

  /** Counts a message as pending until its receiver is done with it. The work may be any thenable, a bad one too. */
  #await(
    work: PromiseLike<unknown>,
    received: ReceivedMessage,
    whenDone?: (received: ReceivedMessage) => void,
  ): void {
    const { connection } = received;
    const pending = this.#pendingOf(connection);
    const held = pending.memory.hold(received);
    this.#pauseIfFull(connection, pending);
    let isPending = true;
    const done = (): void => {
      if (!isPending) return;
      isPending = false;
      this.#release(connection, pending, held);
      whenDone?.(received);
    };
    const failed = (error: unknown): void => {
      if (isPending) this.#reportError(received, error);
      done();
    };
    try {
      work.then(done, failed);
    } catch (error) {
      failed(error);
    }
  }

  #pendingOf(connection: Connection): Pending {
    const known = this.#pending.get(connection);
    if (known !== undefined) return known;
    const pending = { memory: new PendingMemory(), hasPaused: false };
    this.#pending.set(connection, pending);
    return pending;
  }

  #pauseIfFull(connection: Connection, pending: Pending): void {
    if (pending.memory.bytes <= this.#maxPendingBytes || pending.hasPaused) return;
    pending.hasPaused = true;
    connection.pause(this);
  }

  #release(connection: Connection, pending: Pending, held: Hold): void {
    pending.memory.release(held);
    if (!pending.hasPaused || pending.memory.bytes > this.#maxPendingBytes / 2) return;
    pending.hasPaused = false;
    connection.resume(this);
  }

  /** Counts a message without a receiver, and reports the count at 1, 2, 4, 8, ... so that a flood stays quiet. */
  #drop({ endpoint, appId, bytes: received }: ReceivedMessage): void {
    const before = this.#dropped.get(appId) ?? { messages: 0, bytes: 0 };
    const messages = before.messages + 1;
    const bytes = before.bytes + received;
    this.#dropped.set(appId, { messages, bytes });
    if (!isPowerOfTwo(messages)) return;
    log('%d messages for app ID %d without a receiver, the last of %s', messages, appId, endpoint.name);
    this.#events.next({
      type: 'dropped',
      reason: 'no-receiver',
      endpointName: endpoint.name,
      appId,
      messages,
      bytes,
    });
  }

  #reportError({ appId, endpoint }: ReceivedMessage, thrown: unknown): void {
    const detail = `the receiver of app ID ${appId} failed on a message of ${endpoint.name}: ${messageOf(thrown)}`;
    const error = new CommError(CommErrorCode.ERROR, detail, { cause: thrown });
    this.#events.next({ type: 'callback-error', callback: 'receiver', error });
  }
}

/** Others refer to the message too. */
function shareAll({ message: { payload } }: ReceivedMessage): void {
  if (payload !== undefined) frameMemory.share(payload);
}

/** Gives the memory of a message back, where it is large and nobody else refers to it. */
function release({ message: { payload } }: ReceivedMessage): void {
  if (payload !== undefined) frameMemory.giveBack(payload);
}

/** The user may not use TypeScript. */
function processOf(receiver: MessageReceiver): (received: ReceivedMessage) => unknown {
  if (typeof receiver === 'function') return receiver;
  const method: unknown = (receiver as Partial<typeof receiver> | undefined | null)?.processMessage;
  if (typeof method !== 'function') {
    throw new CommError(
      CommErrorCode.BAD_CONFIG,
      `a receiver is a function, or an object with a method processMessage, got ${messageOf(receiver)}`,
    );
  }
  return ({ endpoint, connection, appId, message }) =>
    receiver.processMessage(endpoint, connection, appId, message);
}
