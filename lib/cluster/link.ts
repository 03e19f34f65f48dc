import type { Losses } from '../cluster-contract.js';
import { NOTHING, type Tally } from '../stats.js';
import { HEADER_BYTES, readHeader, type Target, writeHeader } from './batch.js';
import { IncomingLink, type IncomingHandler } from './incoming-link.js';
import { OutgoingLink } from './outgoing-link.js';
import { RemoteSink } from './remote-sink.js';

/** What a link needs of its replica. */
export interface LinkContext extends Pick<IncomingHandler, 'accept' | 'arrive' | 'remove'> {
  readonly maxPayload: number;
  readonly maxFrameBytes: number;
  readonly highWaterMarkBytes: number;
  /** That of the link before, which has ended: what still comes of it was delivered then, or is lost. 0: there was none. */
  readonly lastEpoch: number;
  /** Counts the beginnings of all links of this replica. */
  nextEpoch(): number;
  /** Counts the channels of all links of this replica, so that no late report is about another one. */
  nextChannel(): number;
  /** Sends a message of NATS to the other replica, if NATS is there. */
  publish(batch: Uint8Array): void;
  /** What was sent to an endpoint there, or to the receivers, is lost. */
  lost(name: string | undefined, losses: Losses): void;
  /** The other replica is about to stop, or has heard that we are. */
  told(type: 'quiesce' | 'quiesced'): void;
}

/** The messages that went to another replica, and that came from it. */
export interface HopTraffic {
  readonly sent: Tally;
  readonly received: Tally;
}

/** Everything between us and one other replica. */
export class Link {
  readonly #context: LinkContext;
  readonly #out: OutgoingLink;
  readonly #in: IncomingLink;
  readonly #sinks = new Map<number, RemoteSink>();
  /** The open ones by the names of their endpoints. */
  readonly #open = new Map<string, RemoteSink>();
  #spread: RemoteSink | undefined;
  readonly #whenSettled = new Set<() => void>();
  /** What must be told again. It waits for `repeat`, so that two sides that begin anew do not drive each other. */
  #untold: (() => void)[] = [];
  #isAcknowledgementDue = false;
  /**
   * The epoch of the other replica that must end. Each batch says so until a newer one begins: so that replica has begun
   * anew before it takes anything of ours, and reports it in an epoch that we take.
   */
  #resetDue: number | undefined;

  constructor(context: LinkContext) {
    this.#context = context;
    if (context.lastEpoch > 0) this.#resetDue = context.lastEpoch;
    const publish = (batch: Uint8Array, number: number): void => this.#publish(batch, number);
    this.#out = new OutgoingLink(
      context.maxPayload,
      () => context.nextEpoch(),
      publish,
      () => this.#in.report(this.#out),
    );
    this.#in = new IncomingLink(
      {
        accept: (...message) => context.accept(...message),
        arrive: (...message) => context.arrive(...message),
        remove: (target) => context.remove(target),
        tell: (record) => this.#told(record),
        takeBack: (channel, message) => this.#settle(channel, (sink) => sink.returned(message)),
      },
      context.maxFrameBytes,
      () => this.#out.schedule(),
      context.lastEpoch,
    );
  }

  get traffic(): HopTraffic {
    return { sent: this.#out.sent, received: this.#in.received };
  }

  /** The latest beginning of the other replica that this link, or one before it, knows. */
  get lastEpoch(): number {
    return this.#in.lastEpoch;
  }

  /** Whether nothing is on its way. */
  get isSettled(): boolean {
    return [...this.#sinks.values()].every(({ isSettled }) => isSettled);
  }

  /** Takes a message of NATS. @throws CommError `BAD_DATA` where it is broken */
  receive(batch: Uint8Array): void {
    const header = readHeader(batch);
    if (header.isReset) {
      if (header.acknowledgedEpoch === this.#out.epoch) this.#restart();
    } else this.#out.acknowledged(header.acknowledgedEpoch, header.acknowledged);
    if (header.number === 0) return;
    this.#acknowledgeSoon();
    try {
      // A late batch is of an earlier epoch than the one that must end.
      if (!this.#in.take(header, batch)) this.#resetDue = Math.max(this.#resetDue ?? 0, header.epoch);
      else if (header.epoch > (this.#resetDue ?? Infinity)) this.#resetDue = undefined;
    } catch (error) {
      this.#resetDue = header.epoch;
      // What it has reported is behind what cannot be read: we begin anew too.
      this.#restart();
      throw error;
    }
  }

  /** What carries messages to an endpoint there, under the claim that the other replica has on its name. */
  sinkTo(name: string, generation: number): RemoteSink {
    const known = this.#open.get(name);
    if (known !== undefined && isUnder(known, generation)) return known;
    this.closeSink(name);
    const sink = this.#newSink({ type: 'endpoint', name, generation });
    this.#open.set(name, sink);
    return sink;
  }

  /** What carries messages of our endpoints to the receivers there. */
  get spread(): RemoteSink {
    return (this.#spread ??= this.#newSink({ type: 'receivers' }));
  }

  /** An endpoint is not there any more, or under another claim. */
  closeSink(name: string, generation?: number): void {
    const sink = this.#open.get(name);
    if (sink === undefined || isUnder(sink, generation)) return;
    sink.close();
    this.#open.delete(name);
    this.#forgetIfSettled(sink);
  }

  /** Tells the other replica that we are about to stop, or that nothing more comes for its endpoints. */
  tell(type: 'QUIESCE' | 'QUIESCED'): void {
    this.#out.tell(type);
  }

  /** Sends again what was not acknowledged, and what came back. */
  repeat(isUrgent: boolean): void {
    const untold = this.#untold;
    this.#untold = [];
    for (const tell of untold) tell();
    this.#out.repeat(isUrgent, !this.isSettled);
    for (const sink of this.#open.values()) sink.tryAgain();
  }

  /** Resolves when nothing is on its way. */
  async settled(): Promise<void> {
    while (!this.isSettled) await new Promise<void>((resolve) => this.#whenSettled.add(resolve));
  }

  /** Waits no more: what is on its way may arrive. */
  abandon(): void {
    for (const sink of this.#sinks.values()) sink.abandon();
    this.#settledSome();
  }

  /** The other replica is gone: what was on its way to its endpoints may have arrived. */
  close(): void {
    this.#out.close();
    // Those who wait for room there go on.
    this.#spread?.abandon();
    for (const sink of this.#sinks.values()) {
      sink.close();
      sink.abandon();
    }
    this.#sinks.clear();
    this.#open.clear();
    this.#spread = undefined;
    this.#settledSome();
  }

  #newSink(target: Target): RemoteSink {
    const { highWaterMarkBytes } = this.#context;
    const channel = this.#context.nextChannel();
    const sink = new RemoteSink(channel, target, this.#out, highWaterMarkBytes, (losses) =>
      this.#context.lost(target.type === 'endpoint' ? target.name : undefined, losses),
    );
    this.#sinks.set(channel, sink);
    return sink;
  }

  /** The other replica has forgotten us: what was on its way may have arrived. */
  #restart(): void {
    for (const { type, channel } of this.#out.restart()) {
      const sink = this.#sinks.get(channel);
      if (type !== 'REMOVE') this.#untold.push(() => this.#out.tell(type));
      else if (sink !== undefined) this.#untold.push(() => !sink.isClosed && sink.remove());
    }
    const pending = [...this.#sinks.values()].map((sink) => [sink, sink.pending] as const);
    this.#sinks.clear();
    // All channels first: who hears of a loss, or of room, sends at once.
    for (const [sink] of pending) {
      if (sink.isClosed) continue;
      const channel = this.#context.nextChannel();
      sink.moveTo(channel);
      this.#sinks.set(channel, sink);
    }
    for (const [sink, tally] of pending) sink.abandon(tally);
    this.#settledSome();
  }

  #told(record: Parameters<IncomingHandler['tell']>[0]): void {
    if (record.type === 'written') this.#settle(record.channel, (sink) => sink.settle(record.written));
    else if (record.type === 'lost') this.#settle(record.channel, (sink) => sink.settle(NOTHING, record));
    else this.#context.told(record.type);
  }

  #settle(channel: number, settle: (sink: RemoteSink) => void): void {
    const sink = this.#sinks.get(channel);
    if (sink === undefined) return;
    settle(sink);
    this.#forgetIfSettled(sink);
    if (sink.isSettled) this.#settledSome();
  }

  #settledSome(): void {
    const waiting = [...this.#whenSettled];
    this.#whenSettled.clear();
    for (const wake of waiting) wake();
  }

  #forgetIfSettled(sink: RemoteSink): void {
    if (!sink.isClosed || !sink.isSettled) return;
    if (this.#sinks.delete(sink.channel)) this.#out.tell('CLOSE', sink.channel);
  }

  /** With whatever goes there next, or alone at the end of this turn. */
  #acknowledgeSoon(): void {
    if (this.#isAcknowledgementDue) return;
    this.#isAcknowledgementDue = true;
    setImmediate(() => {
      if (this.#isAcknowledgementDue) this.#publish(new Uint8Array(HEADER_BYTES), 0);
    });
  }

  #publish(batch: Uint8Array, number: number): void {
    const { epoch, number: acknowledged } = this.#in.acknowledgement;
    const resetDue = this.#resetDue;
    writeHeader(batch, {
      isReset: resetDue !== undefined,
      epoch: this.#out.epoch,
      number,
      oldest: this.#out.oldest,
      acknowledgedEpoch: resetDue ?? epoch,
      acknowledged,
    });
    this.#isAcknowledgementDue = false;
    this.#context.publish(batch);
  }
}

/** Whether it is for an endpoint under this claim. */
function isUnder({ target }: RemoteSink, generation: number | undefined): boolean {
  return target.type === 'endpoint' && target.generation === generation;
}
