import { Subscription } from 'rxjs';

import { clockOf } from '../clock-of.js';
import { QueueFullError } from '../comm-error.js';
import type { Endpoint } from '../endpoint.js';
import type { Message } from '../message.js';
import type { ResolvedOptions } from '../options.js';
import type { EndpointStats, Tally } from '../stats.js';
import { isWatcher } from '../watcher.js';
import { encodeHead } from '../wire/frame.js';
import { FrameType } from '../wire/prefix.js';
import { Outbound, type Sink } from './outbound.js';
import { Counter, Traffic } from './traffic.js';

/** The first ID follows this one (`RESERVED_STREAM_ID` of NVFlare's `sfm_endpoint.py`); the counter wraps to 0. */
const RESERVED_STREAM_ID = 16;

/** What is left of accepted messages when their connection ends. */
export interface Losses {
  /** They certainly did not go out. */
  readonly undelivered: Tally;
  /** They were with the operating system, which has not confirmed them: they may have arrived. */
  readonly unknown: Tally;
}

/** What sends to an endpoint, and counts. It outlives the connections of the endpoint. */
export class Peer {
  /** What `send` pushes into, and the live session drains. */
  readonly outbound: Outbound;

  readonly #name: string;
  readonly #maxQueuedBytes: number;
  #draining = Subscription.EMPTY;
  /** Over the connections that have ended. */
  readonly #pastTraffic = new Traffic();
  readonly #undelivered = new Counter();
  readonly #unknown = new Counter();
  #streamId = RESERVED_STREAM_ID;

  constructor(name: string, { highWaterMarkBytes, maxQueuedBytes, scheduler }: ResolvedOptions) {
    this.#name = name;
    this.#maxQueuedBytes = maxQueuedBytes;
    this.outbound = new Outbound(highWaterMarkBytes, clockOf(scheduler));
  }

  /** Lets the outbound frames drain into a sink, in place of the one before. Without one, they wait. */
  drainInto(sink: Sink | undefined): void {
    this.#draining.unsubscribe();
    this.#draining = sink === undefined ? Subscription.EMPTY : this.outbound.writeInto(sink).subscribe();
  }

  /**
   * A snapshot of what went to and from the endpoint.
   *
   * @param live - what its live connection carried so far
   */
  stats(endpoint: Endpoint, live: Traffic | undefined): EndpointStats {
    const { name, state } = endpoint;
    const traffic = new Traffic();
    traffic.add(this.#pastTraffic);
    if (live !== undefined) traffic.add(live);
    return {
      name,
      state,
      ...(isWatcher(endpoint) ? { isWatcher: true } : {}),
      sent: traffic.sent.toTally(),
      received: traffic.received.toTally(),
      queued: this.outbound.backlog,
      undelivered: this.#undelivered.toTally(),
      unknown: this.#unknown.toTally(),
      unclaimed: traffic.unclaimed.toTally(),
      sendTimes: this.outbound.sendTimes,
    };
  }

  /** Adds up what a connection carried that has ended, and what was lost with it. */
  noteEnd(traffic: Traffic, { undelivered, unknown }: Losses): void {
    this.#pastTraffic.add(traffic);
    this.#undelivered.add(undelivered);
    this.#unknown.add(unknown);
  }

  /** Counts messages and heartbeats, over all connections of the endpoint. */
  readonly nextStreamId = (): number => (this.#streamId = (this.#streamId + 1) & 0xffff);

  /**
   * Encodes a message and pushes it out.
   *
   * @returns false when the sender should wait for `outbound.drained$`
   * @throws CommError `BAD_DATA` where it has no form on the wire, {@link QueueFullError}
   */
  send(appId: number, { headers, payload }: Message): boolean {
    const payloadBytes = payload?.length ?? 0;
    const head = encodeHead(
      { type: FrameType.DATA, appId, streamId: this.nextStreamId(), headers },
      payloadBytes,
    );
    if (this.outbound.isFull) this.#requireRoom(head.length + payloadBytes);
    return this.outbound.next(head, payload);
  }

  #requireRoom(bytes: number): void {
    const { queuedBytes } = this.outbound;
    if (queuedBytes + bytes <= this.#maxQueuedBytes) return;
    throw new QueueFullError(this.#name, queuedBytes, this.#maxQueuedBytes);
  }
}
