import { Subscription, take } from 'rxjs';

import type { Origin, ReplicaHost } from '../cluster-contract.js';
import { messageOf } from '../comm-error.js';
import { Endpoint } from '../endpoint.js';
import { logger } from '../log.js';
import { AppIds } from '../message.js';
import type { ReceivedMessage } from '../received-message.js';
import { NOTHING } from '../stats.js';
import { RemoteConnection } from './remote-connection.js';
import type { RemoteSink } from './remote-sink.js';
import {
  answersToAsker,
  decodeSpread,
  type Deliver,
  type DeliverRule,
  encodeSpread,
  isDeliver,
} from './spread.js';

const log = logger('cluster');

/** What the spreading needs of its replica. */
export interface SpreadingContext {
  readonly self: string;
  readonly host: Pick<ReplicaHost, 'localName' | 'find' | 'route'>;
  /** By app ID. */
  readonly rules: Readonly<Record<number, DeliverRule>>;
  /** The replicas that take messages: they have joined, are not about to stop, and have the same options. Without us. */
  readonly others: () => readonly string[];
  /** Whether NATS is there and answers, and all that it has is known. */
  readonly isConnected: () => boolean;
  /** What carries messages of our endpoints to the receivers of another replica. */
  readonly sinkTo: (replica: string) => RemoteSink;
}

/** Passes messages of endpoints on to the receivers of other replicas, and takes those of theirs. */
export class Spreading {
  readonly #context: SpreadingContext;
  readonly #rules: Readonly<Record<number, DeliverRule>>;
  /** Of messages that arrived at other replicas. */
  readonly #connections = new Map<string, RemoteConnection>();
  /** Connections of sites that wait for room. */
  readonly #paused = new Subscription();
  #turn = 0;
  #isClosing = false;

  constructor(context: SpreadingContext) {
    this.#context = context;
    this.#rules = {
      [AppIds.DEFAULT]: answersToAsker(context.host.localName, context.others),
      ...context.rules,
    };
  }

  /** Passes a message on, as the rule of its app ID says. @returns whether the receivers here get it too */
  spread(received: ReceivedMessage): boolean {
    const deliver = this.#deliver(received);
    if (deliver === 'local') return true;
    if (deliver === 'one') return !this.#spreadToOne(received);
    const { others, sinkTo } = this.#context;
    const isForEvery = deliver === 'every';
    const replicas = isForEvery ? others() : others().filter((replica) => replica === deliver.replica);
    const head = replicas.length === 0 ? undefined : encoded(received);
    if (head === undefined) return true;
    for (const replica of replicas) this.#spreadTo(sinkTo(replica), received, head);
    return isForEvery;
  }

  /** Takes a message of an endpoint of another replica. @throws CommError `BAD_DATA` where it is broken */
  arrive(replica: string, bytes: Uint8Array, origin: Origin): void {
    const { name, frame } = decodeSpread(bytes);
    const connection = this.#connectionOf(replica);
    const { headers, payload, appId } = frame;
    const endpoint = this.#context.host.find(name) ?? new Endpoint(name, {}, { replica });
    const message = { headers, payload };
    if (this.#isClosing) {
      origin.lost({ undelivered: { messages: 1, bytes: bytes.length }, unknown: NOTHING });
      return;
    }
    connection.arrive({ endpoint, connection, appId, message, bytes: bytes.length }, origin);
  }

  /** Takes nothing more: this replica is about to stop, and what comes now is too late. */
  close(): void {
    this.#isClosing = true;
  }

  /** A replica is gone. What has arrived of it is delivered first. */
  gone(replica: string): void {
    this.#connections.get(replica)?.leave();
  }

  /** Ends all. */
  complete(): void {
    this.#paused.unsubscribe();
    for (const connection of this.#connections.values()) connection.complete();
  }

  #deliver(received: ReceivedMessage): Deliver {
    const rule = this.#rules[received.appId];
    if (rule === undefined || received.endpoint.name === this.#context.host.localName) return 'local';
    if (typeof rule !== 'function') return rule;
    try {
      const deliver: unknown = rule(received);
      if (isDeliver(deliver)) return deliver;
      log('deliver says neither of local, one, every and { replica } for app ID %d', received.appId);
      return 'local';
    } catch (error) {
      log('deliver failed for app ID %d: %s', received.appId, messageOf(error));
      return 'local';
    }
  }

  /**
   * In turn; one that has no room is passed over. While NATS is away, or silent, nobody else gets any.
   *
   * @returns whether another replica has it
   */
  #spreadToOne(received: ReceivedMessage): boolean {
    const others = this.#context.isConnected() ? this.#context.others() : [];
    for (let tries = 0; tries <= others.length; tries += 1) {
      this.#turn = (this.#turn + 1) % (others.length + 1);
      const replica = others[this.#turn];
      // It is our turn: where our receivers are busy, they pause the connection.
      if (replica === undefined) return false;
      const sink = this.#context.sinkTo(replica);
      if (sink.isFull) continue;
      const head = encoded(received);
      if (head === undefined) return false;
      sink.sendMessage(head, received.message.payload);
      return true;
    }
    return false;
  }

  /** While there is no room, the connection of the site is paused. */
  #spreadTo(sink: RemoteSink, received: ReceivedMessage, head: Uint8Array): void {
    if (sink.sendMessage(head, received.message.payload)) return;
    const { connection } = received;
    connection.pause(sink);
    this.#paused.add(sink.drained$.pipe(take(1)).subscribe(() => connection.resume(sink)));
  }

  #connectionOf(replica: string): RemoteConnection {
    const known = this.#connections.get(replica);
    if (known !== undefined) return known;
    const { self, host } = this.#context;
    const connection = new RemoteConnection(
      self,
      replica,
      (received) => host.route(received),
      () => this.#connections.delete(replica),
    );
    this.#connections.set(replica, connection);
    return connection;
  }
}

/** What cannot be encoded again stays here. */
function encoded(received: ReceivedMessage): Uint8Array | undefined {
  try {
    return encodeSpread(received);
  } catch (error) {
    log('a message of app ID %d is not passed on: %s', received.appId, messageOf(error));
    return undefined;
  }
}
