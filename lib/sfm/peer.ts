import { EMPTY, Subscription } from 'rxjs';

import { clockOf } from '../clock-of.js';
import type { Losses, Replica } from '../cluster-contract.js';
import { QueueFullError } from '../comm-error.js';
import type { Endpoint } from '../endpoint.js';
import type { Message } from '../message.js';
import type { ResolvedOptions } from '../options.js';
import { type EndpointStats, NOTHING, type Tally } from '../stats.js';
import type { Sink } from '../sink.js';
import { isWatcher } from '../watcher.js';
import { encodeHead } from '../wire/frame.js';
import { FrameType } from '../wire/prefix.js';
import { Outbound } from './outbound.js';
import { withoutLosses } from './relayed-messages.js';
import { NO_TIMES } from './send-timer.js';
import { Counter, Traffic } from './traffic.js';

/** The first ID follows this one (`RESERVED_STREAM_ID` of NVFlare's `sfm_endpoint.py`); the counter wraps to 0. */
const RESERVED_STREAM_ID = 16;

/** What ended connections leave behind. */
class Past {
  readonly traffic = new Traffic();
  readonly undelivered = new Counter();
  readonly unknown = new Counter();
}

const NO_PAST = new Past();

/**
 * What sends to an endpoint, and counts. It outlives the connections of the endpoint. What only sending needs is made
 * when something is first sent: most endpoints of a cluster are at other replicas, and never sent to from here.
 */
export class Peer {
  readonly #name: string;
  readonly #options: ResolvedOptions;
  #outbound: Outbound | undefined;
  #draining = Subscription.EMPTY;
  #sink: Sink | undefined;
  /** Knows the sink, while there is no outbound to drain into it. */
  #away: Pick<Replica, 'sinkTo'> | undefined;
  #past: Past | undefined;
  #streamId = RESERVED_STREAM_ID;

  constructor(name: string, options: ResolvedOptions) {
    this.#name = name;
    this.#options = options;
  }

  /** What `send` pushes into, and the live session, or another replica, drains. */
  get outbound(): Outbound {
    if (this.#outbound !== undefined) return this.#outbound;
    const { highWaterMarkBytes, scheduler } = this.#options;
    this.#outbound = new Outbound(highWaterMarkBytes, clockOf(scheduler));
    if (this.#away !== undefined) this.drainAway(this.#away);
    return this.#outbound;
  }

  /** Lets the outbound frames drain into a sink, in place of the one before. Without one, they wait. */
  drainInto(sink: Sink | undefined): void {
    // What it has sent is counted once.
    if (sink !== undefined && sink === this.#sink) return;
    this.#draining.unsubscribe();
    this.#noteSent(this.#sink);
    this.#away = undefined;
    this.#sink = sink;
    this.#draining = sink === undefined ? Subscription.EMPTY : this.outbound.writeInto(sink).subscribe();
  }

  /** Lets them drain into the sink that another replica has for the endpoint. */
  drainAway(replica: Pick<Replica, 'sinkTo'>): void {
    this.drainInto(this.#outbound === undefined ? undefined : replica.sinkTo(this.#name));
    if (this.#outbound === undefined) this.#away = replica;
  }

  /** Forgets what waits, and says how much that was. */
  clear(): Tally {
    return this.#outbound?.clear() ?? NOTHING;
  }

  /**
   * Tells other replicas what was lost of theirs.
   *
   * @param isAll - nothing that was accepted goes out any more
   * @returns what was lost of ours
   */
  loseRelayed(losses: Losses, isAll: boolean): Losses {
    const relayed = this.#outbound?.loseRelayed(losses, isAll);
    return relayed === undefined ? losses : withoutLosses(losses, relayed);
  }

  /** Gives other replicas back what waits of theirs. */
  returnRelayed(): void {
    this.#outbound?.returnRelayed();
  }

  /** Whether nothing waits here. */
  get isEmpty(): boolean {
    return this.#outbound?.isEmpty ?? true;
  }

  /**
   * A snapshot of what went to and from the endpoint.
   *
   * @param live - what its live connection carried so far
   */
  stats(endpoint: Endpoint, live: Traffic | undefined): EndpointStats {
    const { name, state, connProps } = endpoint;
    const { replica } = connProps;
    const traffic = new Traffic();
    const past = this.#past ?? NO_PAST;
    traffic.add(past.traffic);
    if (live !== undefined) traffic.add(live);
    if (this.#sink?.sent !== undefined) traffic.sent.add(this.#sink.sent);
    return {
      name,
      state,
      ...(typeof replica === 'string' && { replica }),
      ...(isWatcher(endpoint) ? { isWatcher: true } : {}),
      sent: traffic.sent.toTally(),
      received: traffic.received.toTally(),
      queued: this.#outbound?.backlog ?? NOTHING,
      undelivered: past.undelivered.toTally(),
      unknown: past.unknown.toTally(),
      unclaimed: traffic.unclaimed.toTally(),
      sendTimes: this.#outbound?.sendTimes ?? NO_TIMES,
    };
  }

  /** Adds up what a connection carried that has ended, and what was lost with it. */
  noteEnd(traffic: Traffic, losses: Losses): void {
    this.#pastNow.traffic.add(traffic);
    this.noteLosses(losses);
  }

  /** Adds up what was lost. */
  noteLosses({ undelivered, unknown }: Losses): void {
    this.#pastNow.undelivered.add(undelivered);
    this.#pastNow.unknown.add(unknown);
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
    const { outbound } = this;
    if (outbound.isFull) this.#requireRoom(outbound, head.length + payloadBytes);
    return outbound.next(head, payload);
  }

  get #pastNow(): Past {
    return (this.#past ??= new Past());
  }

  /** When nothing of it can come back any more. */
  #noteSent(sink: Sink | undefined): void {
    const { sent, settled$ = EMPTY } = sink ?? {};
    if (sent !== undefined) settled$.subscribe({ complete: () => this.#pastNow.traffic.sent.add(sent) });
  }

  #requireRoom({ queuedBytes }: Outbound, bytes: number): void {
    const { maxQueuedBytes } = this.#options;
    if (queuedBytes + bytes <= maxQueuedBytes) return;
    throw new QueueFullError(this.#name, queuedBytes, maxQueuedBytes);
  }
}
