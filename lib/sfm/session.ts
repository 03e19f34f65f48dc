import { map, Observable, type Subscriber, type Subscription } from 'rxjs';

import type { Losses } from '../cluster-contract.js';
import { CommError, CommErrorCode, RefusedError } from '../comm-error.js';
import type { Endpoint } from '../endpoint.js';
import { logger } from '../log.js';
import { addTallies } from '../stats.js';
import type { Connection } from '../transport/connection.js';
import { Mode } from '../transport/driver.js';
import type { Sink } from '../sink.js';
import { decodeFrame, encodeHead, type Frame, NIL_PAYLOAD } from '../wire/frame.js';
import { FrameType, stampSequence } from '../wire/prefix.js';
import { askProperties } from './ask-properties.js';
import { type ControlType, FrameCounter } from './frame-counter.js';
import { decodeHandshake, encodeHandshake } from './handshake.js';
import type { Heart, Pulse } from './heartbeat.js';
import { HeldFrames, MAX_HELD_BYTES } from './held-frames.js';
import { misfitOf } from './misfit.js';
import { MAX_UNREAD_PINGS, PingFlood } from './ping-flood.js';
import { decodeRefusal, encodeRefusal } from './refusal.js';
import type { SessionContext, SessionRole } from './session-context.js';
import { Counter, Traffic } from './traffic.js';

const log = logger('sfm');

/** The stream ID of HELLO and READY. */
const HANDSHAKE_STREAM_ID = 1;

/** What a session shows of itself: `opened` first, `closed` last, each at most once. */
export type SessionEvent =
  /** The connection exists and the handshake begins. */
  | { readonly type: 'opened'; readonly session: Session }
  /** The peer has said who it is, and waits to be welcomed. */
  | { readonly type: 'greeted'; readonly session: Session; readonly endpoint: Endpoint }
  /** The peer may not come in. The session says so where name and certificate do not fit, an admission in all other cases. */
  | {
      readonly type: 'refused';
      readonly session: Session;
      readonly endpoint: Endpoint;
      readonly error: CommError;
      /** What the peer may know of the reason, which may be empty; `undefined` where it is not told that it is refused. */
      readonly told: string | undefined;
    }
  /** The peer does not let us in. */
  | { readonly type: 'rejected'; readonly session: Session; readonly error: RefusedError }
  /** The handshake is done: the peer is welcome, and has its answer. */
  | { readonly type: 'ready'; readonly session: Session; readonly endpoint: Endpoint }
  /** The peer knows us too, so messages can go out. */
  | { readonly type: 'settled'; readonly session: Session }
  | { readonly type: 'closed'; readonly session: Session; readonly error: CommError | undefined };

/*
 *   greeting --handshake--> verifying --welcome()--> settling --first frame after it, or time--> ready
 *       \--misfit, or refused--> refused <--refuse()--/     \                                        \
 *        \__________________________\_______________________\________________________________________\__ end --> closed
 */
type State = 'greeting' | 'verifying' | 'refused' | 'settling' | 'ready' | 'closed';

/** The meaning of the frames of one connection: the handshake first, then messages and heartbeats. */
export class Session implements Heart, Sink {
  readonly connection: Connection;
  readonly role: SessionRole;
  /** Cold: subscribing, once, runs the session; it completes when the connection has ended. */
  readonly events$: Observable<SessionEvent>;
  /** The messages so far. */
  readonly traffic = new Traffic();

  readonly #context: SessionContext;
  #events: Subscriber<SessionEvent> | undefined;
  #state: State = 'greeting';
  #endpoint: Endpoint | undefined;
  readonly #held = new HeldFrames();
  pulse: Pulse | undefined;

  readonly #frames = new FrameCounter();
  /** Messages that the connection did not take. */
  readonly #untaken = new Counter();
  readonly #flood: PingFlood;
  #nextStreamId: () => number = () => HANDSHAKE_STREAM_ID;

  constructor(connection: Connection, role: SessionRole, context: SessionContext) {
    this.connection = connection;
    this.role = role;
    this.#context = context;
    this.#flood = new PingFlood(context.options.scheduler);
    this.events$ = new Observable((subscriber) => {
      this.#events = subscriber;
      subscriber.next({ type: 'opened', session: this });
      subscriber.add(
        connection.frames$.subscribe({
          next: (frame) => this.#receive(frame),
          error: (error: unknown) => this.#end(CommError.from(error)),
          complete: () => this.#end(undefined),
        }),
      );
      if (role.mode === Mode.ACTIVE) subscriber.add(this.#greet());
    });
  }

  /** The peer, once the handshake is done. */
  get endpoint(): Endpoint | undefined {
    return this.#endpoint;
  }

  /** The peer has said who it is, and is not welcome yet. */
  get isVerifying(): boolean {
    return this.#state === 'verifying';
  }

  /** The handshake is done, and the connection lives. */
  get isReady(): boolean {
    return this.connection.isOpen && (this.#state === 'settling' || this.#state === 'ready');
  }

  /** Grows with each sign of life of the peer. */
  get activity(): number {
    return this.connection.activity;
  }

  get isPaused(): boolean {
    return this.connection.isPaused;
  }

  get isOpen(): boolean {
    return this.connection.isOpen;
  }

  get bufferedBytes(): number {
    return this.connection.bufferedBytes;
  }

  get bufferedMessages(): number {
    return this.#frames.messagesOf(this.connection.bufferedFrames, 0).messages;
  }

  get written$(): Observable<void> {
    return this.connection.written$;
  }

  get drained$(): Observable<void> {
    return this.connection.drained$;
  }

  /** After the end: what the connection accepted and the operating system has not confirmed. */
  get losses(): Losses {
    const { bufferedFrames, bufferedBytes, unconfirmedFrames, unconfirmedBytes } = this.connection;
    const untouched = bufferedFrames - unconfirmedFrames;
    return {
      undelivered: addTallies(
        this.#frames.messagesOf(untouched, bufferedBytes - unconfirmedBytes),
        this.#untaken,
      ),
      unknown: this.#frames.messagesOf(unconfirmedFrames, unconfirmedBytes, untouched),
    };
  }

  /** Sends an encoded message; false when the connection is full. */
  sendMessage(head: Uint8Array, payload: Uint8Array | undefined): boolean {
    this.traffic.sent.count(head.length + (payload?.length ?? 0));
    return this.#send(this.#frames.nextMessage(), head, payload, this.#untaken);
  }

  /**
   * Lets the peer in, and answers its handshake. The frames that it sent behind that come now.
   *
   * @param nextStreamId - counts stream IDs per endpoint, over all its connections
   */
  welcome(endpoint: Endpoint, nextStreamId: () => number): void {
    this.#endpoint = endpoint;
    if (this.#state !== 'verifying' || !this.connection.isOpen) return;
    this.#nextStreamId = nextStreamId;
    if (this.role.mode === Mode.PASSIVE) this.#answer();
    this.#liftLimits();
    this.#become('settling', { type: 'ready', session: this, endpoint });
    for (const frame of this.#held.take()) if (this.isReady) this.#receive(frame);
    this.connection.resume(this);
  }

  /** Ends the connection of a peer that may not come in, and tells it so unless `told` is undefined. Our log and events have the reason. */
  refuse(reason: CommError, told: string | undefined): void {
    if (this.#state === 'verifying') this.#become('refused');
    if (this.role.mode === Mode.PASSIVE && told !== undefined)
      this.#sendControl(FrameType.PONG, HANDSHAKE_STREAM_ID, encodeRefusal(told));
    void this.connection.close(reason, told);
  }

  /** Asks for a sign of life, unless the question before is still on its way out. */
  ping(): void {
    if (this.isReady && !this.#isWaiting(FrameType.PING)) {
      this.#sendControl(FrameType.PING, this.#nextStreamId(), NIL_PAYLOAD);
    }
  }

  /** Takes the peer as ready for messages. */
  settle(): void {
    if (this.#state === 'settling') this.#become('ready', { type: 'settled', session: this });
  }

  /** Ends the connection: flushed first, or at once for a reason. */
  close(reason?: CommError): Promise<void> {
    return this.connection.close(reason);
  }

  /** `CN00001 site-1 at 127.0.0.1:8002`, for messages. */
  describe(): string {
    const { name, properties } = this.connection;
    const peer = this.#endpoint === undefined ? '' : `${this.#endpoint.name} at `;
    return `${name} ${peer}${properties.peer_addr}`;
  }

  /** The one place that changes the state. What others decided is no event of ours. */
  #become(state: State, event?: SessionEvent): void {
    this.#state = state;
    if (event !== undefined) this.#events?.next(event);
  }

  /** @param untaken - counts a frame that the connection does not take */
  #send(number: number, head: Uint8Array, payload: Uint8Array | undefined, untaken?: Counter): boolean {
    stampSequence(head, number);
    try {
      return this.connection.send(head, payload);
    } catch (error) {
      this.#frames.takeBack();
      untaken?.count(head.length + (payload?.length ?? 0));
      void this.close(CommError.from(error, this.describe()));
      return false;
    }
  }

  #receive(bytes: Uint8Array): void {
    try {
      const frame = decodeFrame(bytes);
      if (this.#state === 'ready' && frame.type === FrameType.DATA) this.#deliver(frame, bytes.length);
      else this.#receiveControl(frame, bytes);
    } catch (error) {
      void this.close(CommError.from(error, this.describe()));
    }
  }

  #receiveControl(frame: Frame, bytes: Uint8Array): void {
    if (!this.connection.isOpen) return;
    if (this.#state === 'greeting') {
      this.#receiveHandshake(frame);
      return;
    }
    if (this.#state === 'verifying') {
      if (!this.#held.add(bytes))
        throw this.#fault(`expected at most ${MAX_HELD_BYTES} bytes before the handshake is done`);
    } else if (this.#state !== 'refused') this.#receiveOfEndpoint(frame, bytes);
  }

  #receiveOfEndpoint(frame: Frame, bytes: Uint8Array): void {
    this.settle();
    switch (frame.type) {
      case FrameType.DATA:
        this.#deliver(frame, bytes.length);
        break;
      case FrameType.PING:
        this.#answerPing();
        break;
      case FrameType.PONG:
        break;
      case FrameType.FRAG:
      case FrameType.ACK:
        log('%s ignored a reserved frame of type %d', this.connection.name, frame.type);
        break;
      default:
        throw this.#fault(`expected a message or a heartbeat, got ${describeType(frame.type)}`);
    }
  }

  /**
   * One PONG at a time: the PONG that waits answers each PING that comes until it is written. So a peer that sends
   * PINGs and reads nothing costs no memory. It may be busy, and lives; only a flood of PINGs ends it.
   */
  #answerPing(): void {
    if (!this.#isWaiting(FrameType.PONG)) {
      this.#sendControl(FrameType.PONG, this.#nextStreamId(), NIL_PAYLOAD);
      return;
    }
    if (this.#flood.count()) {
      throw this.#fault(
        `it sent more than ${MAX_UNREAD_PINGS} PINGs within a second, faster than it took the PONG`,
      );
    }
  }

  #isWaiting(type: typeof FrameType.PING | typeof FrameType.PONG): boolean {
    return this.#frames.isWaiting(type, this.connection.bufferedFrames);
  }

  /** @param bytes - the length of the frame */
  #deliver({ headers, payload, appId }: Frame, bytes: number): void {
    if (this.#endpoint === undefined) return;
    const message = { headers, payload };
    this.traffic.received.count(bytes);
    const received = { endpoint: this.#endpoint, connection: this.connection, appId, message, bytes };
    if (!this.#context.router.route(received)) this.traffic.unclaimed.count(bytes);
  }

  #receiveHandshake(frame: Frame): void {
    const { mode } = this.role;
    const told = mode === Mode.ACTIVE ? decodeRefusal(frame) : undefined;
    if (told !== undefined) {
      this.#become('refused', {
        type: 'rejected',
        session: this,
        error: new RefusedError(this.describe(), told),
      });
      return;
    }
    const expected = mode === Mode.ACTIVE ? FrameType.READY : FrameType.HELLO;
    if (frame.type !== expected) {
      throw this.#fault(`expected ${describeType(expected)} first, got ${describeType(frame.type)}`);
    }
    const endpoint = decodeHandshake(
      frame.payload,
      this.connection.properties,
      this.#context.options.maxEndpointProperties,
    );
    const error = misfitOf(endpoint, this.connection.properties, this.role, this.#context);
    if (error !== undefined) {
      this.#become('refused', { type: 'refused', session: this, endpoint, error, told: '' });
      return;
    }
    // A listener takes us for ready once it has answered, and may send anything right behind that.
    if (mode === Mode.ACTIVE) this.#liftLimits();
    this.#become('verifying', { type: 'greeted', session: this, endpoint });
    if (this.isVerifying) this.connection.pause(this);
  }

  /** The peer is no stranger any more. */
  #liftLimits(): void {
    const { maxFrameBytes, highWaterMarkBytes } = this.#context.options;
    this.connection.maxFrameBytes = maxFrameBytes;
    this.connection.highWaterMarkBytes = highWaterMarkBytes;
  }

  /** Sends HELLO as soon as we know what to say in it. */
  #greet(): Subscription {
    const { local, options } = this.#context;
    return askProperties(options.properties)
      .pipe(map((properties) => encodeHandshake(local, options.scheduler.now(), properties)))
      .subscribe({
        next: (hello) => this.#sendControl(FrameType.HELLO, HANDSHAKE_STREAM_ID, hello),
        error: (error: unknown) => void this.close(CommError.within(error, this.describe())),
      });
  }

  #answer(): void {
    const { local, options } = this.#context;
    const ready = encodeHandshake(local, options.scheduler.now());
    this.#sendControl(FrameType.READY, HANDSHAKE_STREAM_ID, ready);
  }

  /** A frame of the session itself. One that comes too late, because the connection closes, is not missed. */
  #sendControl(type: ControlType, streamId: number, payload: Uint8Array): void {
    if (!this.connection.isOpen) return;
    const head = encodeHead({ type, appId: 0, streamId }, payload.length);
    this.#send(this.#frames.nextControl(type, head.length + payload.length), head, payload);
  }

  #end(error: CommError | undefined): void {
    this.#become('closed', { type: 'closed', session: this, error });
    this.#events?.complete();
  }

  #fault(text: string): CommError {
    return new CommError(CommErrorCode.BAD_DATA, `${this.describe()}: ${text}`);
  }
}

const TYPE_NAMES = new Map<number, string>(Object.entries(FrameType).map(([name, type]) => [type, name]));

function describeType(type: number): string {
  return TYPE_NAMES.get(type) ?? `a frame of unknown type ${type}`;
}
