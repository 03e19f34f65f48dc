import { Observable, type Observer, Subscription } from 'rxjs';

import { CommError, CommErrorCode, messageOf } from '../comm-error.js';
import { isPromise } from '../is-promise.js';
import type { LifecycleEvent } from '../lifecycle.js';
import { logger } from '../log.js';
import type { MessageReceiver, ReceivedMessage } from '../received-message.js';
import type { Tally } from '../stats.js';
import type { Connection } from '../transport/connection.js';
import { HotSource } from '../transport/hot-source.js';
import { isPowerOfTwo } from '../transport/power-of-two.js';

const log = logger('router');

/** What a pending message takes in memory beside its bytes, about; it makes the limit one in count as well. */
const PENDING_OVERHEAD_BYTES = 256;

interface Pending {
  bytes: number;
  hasPaused: boolean;
}

/** Hands messages to those who asked for their app ID. */
export class MessageRouter {
  readonly #maxPendingBytes: number;
  readonly #lifecycle: Observer<LifecycleEvent>;
  readonly #apps = new Map<number, HotSource<ReceivedMessage>>();
  readonly #receivers = new Set<number>();
  /** Messages that nobody asked for, by app ID. */
  readonly #dropped = new Map<number, Tally>();
  /** Bytes that unfinished receivers hold, by connection. */
  readonly #pending = new Map<Connection, Pending>();
  /** Of the message that is being routed: receivers are called in `route`, one message at a time. */
  #bytes = 0;
  #isComplete = false;

  constructor(maxPendingBytes: number, lifecycle: Observer<LifecycleEvent>) {
    this.#maxPendingBytes = maxPendingBytes;
    this.#lifecycle = lifecycle;
  }

  /**
   * Passes on one message; one that nobody asked for is dropped and reported.
   *
   * @param bytes - its size on the wire
   * @returns whether somebody asked for it
   */
  route(received: ReceivedMessage, bytes: number): boolean {
    this.#bytes = bytes;
    const app$ = this.#apps.get(received.appId);
    if (app$ === undefined) this.#drop(received);
    else app$.next(received);
    return app$ !== undefined;
  }

  /** What the unfinished receivers of a connection's messages hold, in bytes. */
  pendingBytes(connection: Connection): number {
    return this.#pending.get(connection)?.bytes ?? 0;
  }

  /** The messages of an app ID, from the subscription on. */
  messages(appId: number): Observable<ReceivedMessage> {
    return new Observable((subscriber) => {
      if (this.#isComplete) {
        subscriber.complete();
        return;
      }
      const app$ = this.#apps.get(appId) ?? new HotSource<ReceivedMessage>();
      this.#apps.set(appId, app$);
      subscriber.add(app$.values$.subscribe(subscriber));
      subscriber.add(() => {
        if (!app$.observed && this.#apps.get(appId) === app$) this.#apps.delete(appId);
      });
    });
  }

  /**
   * Registers the receiver of an app ID.
   *
   * @returns unsubscribing takes it away
   * @throws CommError `BAD_CONFIG` where the app ID has one
   */
  register(appId: number, receiver: MessageReceiver): Subscription {
    if (this.#receivers.has(appId)) {
      throw new CommError(CommErrorCode.BAD_CONFIG, `app ID ${appId} has a receiver already`);
    }
    this.#receivers.add(appId);
    const process = typeof receiver === 'function' ? receiver : callMethod(receiver);
    const subscription = this.messages(appId).subscribe((received) => this.#process(received, process));
    subscription.add(() => this.#receivers.delete(appId));
    return subscription;
  }

  /** Ends the streams. */
  complete(): void {
    this.#isComplete = true;
    for (const app$ of this.#apps.values()) app$.complete();
  }

  #process(received: ReceivedMessage, process: (received: ReceivedMessage) => unknown): void {
    const bytes = this.#bytes + PENDING_OVERHEAD_BYTES;
    try {
      const work = process(received);
      if (isPromise(work)) void this.#await(work, received, bytes);
    } catch (error) {
      this.#reportError(received, error);
    }
  }

  /** Counts a message as pending until its receiver is done with it. */
  async #await(work: PromiseLike<unknown>, received: ReceivedMessage, bytes: number): Promise<void> {
    const { connection } = received;
    this.#hold(connection, bytes);
    try {
      await work;
    } catch (error) {
      this.#reportError(received, error);
    } finally {
      this.#release(connection, bytes);
    }
  }

  #hold(connection: Connection, bytes: number): void {
    const pending = this.#pending.get(connection) ?? { bytes: 0, hasPaused: false };
    this.#pending.set(connection, pending);
    pending.bytes += bytes;
    if (pending.bytes <= this.#maxPendingBytes || pending.hasPaused) return;
    pending.hasPaused = true;
    connection.pause(this);
  }

  #release(connection: Connection, bytes: number): void {
    const pending = this.#pending.get(connection);
    if (pending === undefined) return;
    pending.bytes -= bytes;
    if (pending.bytes === 0) this.#pending.delete(connection);
    if (!pending.hasPaused || pending.bytes > this.#maxPendingBytes / 2) return;
    pending.hasPaused = false;
    connection.resume(this);
  }

  /** Counts a message without a receiver, and reports the count at 1, 2, 4, 8, ... so that a flood stays quiet. */
  #drop({ endpoint, appId }: ReceivedMessage): void {
    const before = this.#dropped.get(appId) ?? { messages: 0, bytes: 0 };
    const messages = before.messages + 1;
    const bytes = before.bytes + this.#bytes;
    this.#dropped.set(appId, { messages, bytes });
    if (!isPowerOfTwo(messages)) return;
    log('%d messages for app ID %d without a receiver, the last of %s', messages, appId, endpoint.name);
    this.#lifecycle.next({
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
    this.#lifecycle.next({ type: 'callback-error', callback: 'receiver', error });
  }
}

function callMethod(receiver: Exclude<MessageReceiver, (received: ReceivedMessage) => unknown>) {
  return ({ endpoint, connection, appId, message }: ReceivedMessage): unknown =>
    receiver.processMessage(endpoint, connection, appId, message);
}
