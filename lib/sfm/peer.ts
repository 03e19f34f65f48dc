import type { Observable } from 'rxjs';

import { CommError, CommErrorCode, QueueFullError } from '../comm-error.js';
import { type Endpoint, EndpointState } from '../endpoint.js';
import type { Message } from '../message.js';
import type { ResolvedOptions } from '../options.js';
import type { EndpointStats, Tally } from '../stats.js';
import { HotSource } from '../transport/hot-source.js';
import { encodeHead } from '../wire/frame.js';
import { FrameType } from '../wire/prefix.js';
import { FlapDamping } from './flap-damping.js';
import { type OutboundFrame, OutboundQueue } from './outbound-queue.js';
import { clockOf } from './send-timer.js';
import type { Session } from './session.js';
import { Counter, Traffic } from './traffic.js';

/** Stream IDs below are reserved (`RESERVED_STREAM_ID` of NVFlare's `sfm_endpoint.py`). */
const RESERVED_STREAM_ID = 16;

/** A queue with no more than this in it counts as empty: a PING may be on its way. */
const CONTROL_BYTES = 1024;

/** A remote endpoint with what sends to it. It outlives its connections. */
export class Peer {
  endpoint: Endpoint;
  /** The one live connection of the endpoint. */
  session: Session | undefined;
  readonly queue: OutboundQueue;
  /** How often newcomers took the name. */
  readonly flaps = new FlapDamping();

  /** What `send` pushes into. */
  readonly #outbound = new HotSource<OutboundFrame>();
  readonly #maxQueuedBytes: number;
  /** Over the connections that have ended. */
  readonly #pastTraffic = new Traffic();
  readonly #dropped = new Counter();
  #streamId = RESERVED_STREAM_ID;

  constructor(endpoint: Endpoint, { highWaterMarkBytes, maxQueuedBytes, scheduler }: ResolvedOptions) {
    this.endpoint = endpoint;
    this.queue = new OutboundQueue(highWaterMarkBytes, clockOf(scheduler));
    this.#maxQueuedBytes = maxQueuedBytes;
    this.#outbound.values$.subscribe((frame) => this.queue.push(frame));
  }

  /** Emits when the queue takes messages again. */
  get drained$(): Observable<void> {
    return this.queue.drained$;
  }

  /** A picture of what went to and from the endpoint. */
  get stats(): EndpointStats {
    const traffic = new Traffic();
    traffic.add(this.#pastTraffic);
    if (this.session !== undefined) traffic.add(this.session.traffic);
    return {
      name: this.endpoint.name,
      state: this.endpoint.state,
      sent: traffic.sent.toTally(),
      received: traffic.received.toTally(),
      queued: this.queue.backlog,
      dropped: this.#dropped.toTally(),
      unclaimed: traffic.unclaimed.toTally(),
      sendTimes: this.queue.sendTimes,
    };
  }

  /** Keeps the count of a connection that has ended, and of what was lost with it. */
  noteEnd(traffic: Traffic, lost: Tally): void {
    this.#pastTraffic.add(traffic);
    this.#dropped.add(lost);
  }

  /** Counts messages and heartbeats, over all connections of the endpoint. */
  readonly nextStreamId = (): number => (this.#streamId = (this.#streamId + 1) & 0xffff);

  /**
   * Encodes a message and pushes it out.
   *
   * @returns false when the sender should wait for `drained$`
   * @throws CommError as `Communicator.send` does
   */
  send(appId: number, message: Message): boolean {
    this.#requireReady();
    const { headers, payload } = message;
    const head = encodeHead(
      { type: FrameType.DATA, appId, streamId: this.nextStreamId(), headers },
      payload?.length ?? 0,
    );
    const { queuedBytes } = this.queue;
    if (
      queuedBytes > CONTROL_BYTES &&
      queuedBytes + head.length + (payload?.length ?? 0) > this.#maxQueuedBytes
    ) {
      throw new QueueFullError(this.endpoint.name, queuedBytes, this.#maxQueuedBytes);
    }
    this.#outbound.next({ head, payload });
    return !this.queue.isFull;
  }

  #requireReady(): void {
    const { name, state } = this.endpoint;
    if (state === EndpointState.READY && this.session?.isReady === true) return;
    throw state === EndpointState.DISCONNECTED
      ? new CommError(CommErrorCode.CLOSED, `endpoint ${name} is disconnected`)
      : new CommError(
          CommErrorCode.NOT_READY,
          `endpoint ${name} is ${state === EndpointState.READY ? 'closing' : state}, expected READY`,
        );
  }
}
