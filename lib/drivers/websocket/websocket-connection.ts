import type { Duplex } from 'node:stream';

import type { RawData, WebSocket } from 'ws';

import { CommError, CommErrorCode } from '../../comm-error.js';
import { isBytes } from '../../is-bytes.js';
import { frameMemory } from '../../wire/frame-memory.js';
import { BaseConnection } from '../../transport/base-connection.js';
import type { ConnectionProperties } from '../../transport/connection.js';
import { fromNodeError } from '../node/node-errors.js';
import { plainBytes } from '../node/plain-bytes.js';
import { SocketWriter } from '../node/socket-writer.js';
import { untilClosed } from '../node/until-closed.js';
import { Arrival } from './arrival.js';
import { CloseCode, closeCodeOf, closeError, closeReasonOf } from './close-codes.js';
import { faultOf, type MessageFault, TEXT_FAULT } from './message-fault.js';
import type { MessageFramer } from './message-framer.js';
import { MessageReader } from './message-reader.js';

/** Clients of NVFlare 2.6 and later refuse a message of this size, and often reset before they say so. */
const NVFLARE_CLIENT_BYTES = 4 * 1024 * 1024;

/** The parts of a WebSocket connection. */
export interface WebSocketParts {
  /** Open, and created with `WS_OPTIONS`. */
  readonly ws: WebSocket;
  /** The socket under it. */
  readonly socket: Duplex;
  readonly properties: ConnectionProperties;
  readonly framer: MessageFramer;
}

/**
 * One binary WebSocket message per frame. `ws` opens and closes the connection, and reads what is rare or large; small
 * messages are read before it ({@link MessageReader}), and all are written to its socket directly
 * ({@link MessageFramer}).
 */
export class WebSocketConnection extends BaseConnection {
  readonly #ws: WebSocket;
  readonly #socket: Duplex;
  readonly #framer: MessageFramer;
  readonly #writer: SocketWriter;
  readonly #arrival = new Arrival();
  #closeCode: CloseCode | undefined;
  #closeReason = '';
  #socketError: Error | undefined;
  #lastSentBytes = 0;
  /** A pong was queued since the last write. */
  #hasPong = false;
  /** The last ping that came after that. */
  #lastPing: Uint8Array | undefined;

  constructor({ ws, socket, properties, framer }: WebSocketParts) {
    super(properties);
    this.#ws = ws;
    this.#socket = socket;
    this.#framer = framer;
    this.#writer = new SocketWriter(socket, {
      isOpen: () => ws.readyState === ws.OPEN,
      written: (waited) => this.#written(waited),
    });
    ws.pause();
    ws.on('message', (data, isBinary) => this.#receiveMessage(data, isBinary));
    ws.on('ping', (data) => {
      this.#arrival.controlled();
      this.#answerPing(data);
    });
    ws.on('pong', () => this.#arrival.controlled());
    ws.on('error', (error) => {
      reader.stop();
      this.end(CommError.from(error, this.describe(), CommErrorCode.BAD_DATA));
    });
    ws.on('close', (code, reason) => this.#closed(code, reason.toString()));
    // Kept for the close event, which may have a better reason: a peer that has closed resets what comes after it.
    socket.on('error', (error) => (this.#socketError = error));
    const reader = new MessageReader(socket, !framer.isClient, {
      alive: () => this.alive(),
      received: (frame) => this.#receiveFrame(frame),
      failed: (error) => this.end(CommError.from(error, this.describe())),
      passesOn: (bytes, fragments) => this.#watch(bytes, fragments),
    });
  }

  override get bufferedBytes(): number {
    return this.#writer.bytes;
  }

  override get bufferedFrames(): number {
    return this.#writer.frames;
  }

  override get unconfirmedBytes(): number {
    return this.#writer.unconfirmedBytes;
  }

  override get unconfirmedFrames(): number {
    return this.#writer.unconfirmedFrames;
  }

  protected override write(head: Uint8Array, payload?: Uint8Array): void {
    this.#lastSentBytes = head.length + (payload?.length ?? 0);
    this.#framer.message(this.#writer.batch, head, payload);
    this.#writer.schedule();
  }

  protected override startReading(): void {
    this.#ws.resume();
  }

  protected override pauseReading(): void {
    this.#ws.pause();
  }

  protected override resumeReading(): void {
    this.#ws.resume();
  }

  protected override finishWriting(): void {
    const { told } = this;
    this.#ws.close(told === undefined ? CloseCode.NORMAL : CloseCode.POLICY, told);
  }

  protected override end(reason?: CommError): void {
    this.#closeCode ??= closeCodeOf(reason);
    this.#closeReason = closeReasonOf(reason);
    super.end(reason);
  }

  protected override async release(): Promise<void> {
    if (this.#socket.closed) return;
    if (this.bufferedBytes === 0 && this.#ws.readyState === this.#ws.OPEN) {
      // Tells the peer why. `ws` destroys the socket if the peer does not answer in time.
      this.#ws.close(this.#closeCode, this.#closeReason);
      this.#socket.end(() => this.#ws.terminate());
    } else {
      this.#ws.terminate();
    }
    await untilClosed(this.#socket);
  }

  #written(waited: boolean): void {
    if (waited) this.alive();
    this.#hasPong = false;
    if (this.#lastPing !== undefined) this.#answerPing(this.#lastPing);
    this.wrote();
  }

  /** Runs before `ws` reads the bytes, so that nothing over the limit is collected. */
  #watch(bytes: number, fragments: number): boolean {
    const fault = this.#arrival.push(bytes, fragments, this.maxFrameBytes);
    if (fault !== undefined) this.#refuse(fault);
    return fault === undefined;
  }

  #receiveMessage(data: RawData, isBinary: boolean): void {
    if (!isBinary || !isBytes(data)) {
      this.#refuse(TEXT_FAULT);
      return;
    }
    this.#receiveFrame(frameMemory.own(plainBytes(data)));
  }

  #receiveFrame(frame: Uint8Array): void {
    this.#arrival.completed();
    const fault = faultOf(frame, this.maxFrameBytes);
    if (fault === undefined) this.receive(frame);
    else this.#refuse(fault);
  }

  /**
   * Queues a pong behind the messages, since a large one may be half written: one for each write, so that a peer that
   * reads nothing has no queue of them. Of the pings that come faster it answers the last (RFC 6455, 5.5.3).
   */
  #answerPing(data: Uint8Array): void {
    if (!this.isOpen || this.#ws.readyState !== this.#ws.OPEN) return;
    this.#lastPing = this.#hasPong ? Uint8Array.from(data) : undefined;
    if (this.#hasPong) return;
    this.#hasPong = true;
    this.#framer.pong(this.#writer.batch, data);
    this.#writer.schedule();
  }

  #closed(code: number, reason: string): void {
    if (this.isFinishing) this.end();
    else if (code === CloseCode.ABNORMAL && this.#socketError !== undefined)
      this.end(this.#withHint(fromNodeError(this.#socketError, this.describe())));
    else this.end(closeError(code, reason, this.describe()));
  }

  #withHint(error: CommError): CommError {
    if (this.#framer.isClient || this.#lastSentBytes < NVFLARE_CLIENT_BYTES) return error;
    const hint = `after a frame of ${this.#lastSentBytes} bytes; an NVFlare client takes less than 4 MiB`;
    return new CommError(error.code, `${error.message} (${hint})`, { cause: error });
  }

  #refuse({ closeCode, detail }: MessageFault): void {
    this.#closeCode = closeCode;
    this.end(new CommError(CommErrorCode.BAD_DATA, `${this.describe()}: bad message: ${detail}`));
  }
}
