import { defer, EMPTY, filter, ignoreElements, merge, type Observable, Subject, take, timeout } from 'rxjs';

import type { Endpoint } from '../endpoint.js';
import type { UndeliveredEvent } from '../lifecycle.js';
import type { Message } from '../message.js';
import { frameMemory } from '../wire/frame-memory.js';
import type { ResolvedOptions } from '../options.js';
import { NOTHING } from '../stats.js';
import { Loopback } from './loopback.js';
import type { MessageRouter } from './message-router.js';
import { Peer } from './peer.js';

/** What sends to ourselves: a peer whose messages go to the local receivers. */
export class SelfPeer extends Peer {
  /** What our own receivers were too busy to take. */
  readonly events$: Observable<UndeliveredEvent>;

  readonly #name: string;
  readonly #options: ResolvedOptions;
  readonly #loopback: Loopback;
  readonly #events = new Subject<UndeliveredEvent>();

  constructor(local: Endpoint, router: MessageRouter, options: ResolvedOptions) {
    super(local.name, options);
    this.#name = local.name;
    this.#options = options;
    this.#loopback = new Loopback(local, router, options.highWaterMarkBytes);
    this.events$ = this.#events.asObservable();
    this.drainInto(this.#loopback);
  }

  /** {@inheritDoc Peer.send} A local receiver gets the payload itself, which the sender may keep. */
  override send(appId: number, message: Message): boolean {
    if (message.payload !== undefined) frameMemory.share(message.payload);
    return super.send(appId, message);
  }

  /** Completes when all messages have arrived, at most after `drainTimeoutMs`: those that have not are reported. */
  arrived(): Observable<never> {
    const { drainTimeoutMs, scheduler } = this.#options;
    const hasArrived = (): boolean => this.outbound.backlog.messages === 0;
    const looks$ = merge(this.#loopback.written$, this.outbound.emptied$);
    return defer(() =>
      hasArrived() ? EMPTY : looks$.pipe(filter(hasArrived), take(1), ignoreElements()),
    ).pipe(timeout({ first: drainTimeoutMs, with: () => this.#abandon(), scheduler }));
  }

  /** Ends it, when nothing more is sent. */
  complete(): void {
    this.#loopback.complete();
    this.#events.complete();
  }

  #abandon(): Observable<never> {
    this.#events.next({
      type: 'dropped',
      reason: 'disconnected',
      endpointName: this.#name,
      undelivered: this.outbound.backlog,
      unknown: NOTHING,
    });
    return EMPTY;
  }
}
