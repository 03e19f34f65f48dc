import type { Duplex } from 'node:stream';

import type { RawData, WebSocket } from 'ws';

import { CommError, CommErrorCode } from '../../comm-error.js';
import { BaseConnection, HANDSHAKE_FRAME_BYTES } from '../../transport/base-connection.js';
import type { ConnectionProperties } from '../../transport/connection.js';
import { fromNodeError } from '../node/node-errors.js';
import { plainBytes } from '../node/plain-bytes.js';
import { SocketWriter } from '../node/socket-writer.js';
import { untilClosed } from '../node/until-closed.js';
import { CloseCode, closeCodeOf, closeError } from './close-codes.js';
import { FragmentCounter } from './fragment-counter.js';
import {
  CHUNKS_FAULT,
  faultOf,
  type MessageFault,
  TEXT_FAULT,
  tooLarge,
  tooManyFragments,
} from './message-fault.js';
import type { MessageFramer } from './message-framer.js';

/** Bytes beyond the limit of a frame that are no fault: framing of its fragments, and the start of the next message. */
const SLACK_BYTES = 64 * 1024;

/** Maximum fragments of a message before the handshake, of at most 64 KiB. */
const MAX_HANDSHAKE_FRAGMENTS = 128;

/** `ws` keeps each chunk of an incomplete message, which takes about 1 KB. So many may be small. */
const MAX_SMALL_CHUNKS = 4_096;

/** Above that number the bytes per chunk, on average. */
const MIN_CHUNK_BYTES = 128;

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
 * One binary WebSocket message per frame. `ws` opens, reads and closes the connection; messages are written to its
 * socket directly, see {@link MessageFramer}.
 */
export class WebSocketConnection extends BaseConnection {
  readonly #ws: WebSocket;
  readonly #socket: Duplex;
  readonly #framer: MessageFramer;
  readonly #writer: SocketWriter;
  #closeCode: CloseCode | undefined;
  #socketError: Error | undefined;
  #lastSentBytes = 0;
  #receivedBytes = 0;
  /** `#receivedBytes` when the last message was complete. */
  #receivedAtMessage = 0;
  /** Chunks since the last message, ping or pong, before which `ws` has consumed what came. */
  #chunks = 0;
  /** A pong was queued since the last write. */
  #hasPong = false;
  /** The last ping that came after that. */
  #lastPing: Uint8Array | undefined;
  /** Until the handshake is done; then `WS_OPTIONS` limits the fragments. */
  #fragments: FragmentCounter | undefined = new FragmentCounter();

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
      this.#chunks = 0;
      this.#answerPing(data);
    });
    ws.on('pong', () => (this.#chunks = 0));
    ws.on('error', (error) => this.end(CommError.from(error, this.describe(), CommErrorCode.BAD_DATA)));
    ws.on('close', (code, reason) => this.#closed(code, reason.toString()));
    // Kept for the close event, which may have a better reason: a peer that has closed resets what comes after it.
    socket.on('error', (error) => (this.#socketError = error));
    // Runs before `ws` reads the chunk, so that nothing over the limit is collected.
    socket.prependListener('data', (chunk: Uint8Array) => this.#countChunk(chunk));
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
    this.#ws.close(CloseCode.NORMAL);
  }

  protected override end(reason?: CommError): void {
    this.#closeCode ??= closeCodeOf(reason);
    super.end(reason);
  }

  protected override async release(): Promise<void> {
    if (this.#socket.closed) return;
    if (this.bufferedBytes === 0 && this.#ws.readyState === this.#ws.OPEN) {
      // Tells the peer why. `ws` destroys the socket if the peer does not answer in time.
      this.#ws.close(this.#closeCode);
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

  /** Applies `maxFrameBytes`, which grows after the handshake; `ws` has one limit for the whole connection. */
  #countChunk(chunk: Uint8Array): void {
    this.alive();
    this.#receivedBytes += chunk.length;
    const collecting = this.#receivedBytes - this.#receivedAtMessage;
    if (collecting > this.maxFrameBytes + SLACK_BYTES) this.#refuse(tooLarge(this.maxFrameBytes, 'more'));
    this.#chunks += 1;
    if (this.#chunks > MAX_SMALL_CHUNKS && collecting < this.#chunks * MIN_CHUNK_BYTES)
      this.#refuse(CHUNKS_FAULT);
    if (this.#fragments !== undefined) this.#countFragments(this.#fragments, chunk);
  }

  #countFragments(fragments: FragmentCounter, chunk: Uint8Array): void {
    if (this.maxFrameBytes > HANDSHAKE_FRAME_BYTES) this.#fragments = undefined;
    else if (fragments.push(chunk) > MAX_HANDSHAKE_FRAGMENTS)
      this.#refuse(tooManyFragments(MAX_HANDSHAKE_FRAGMENTS));
  }

  #receiveMessage(data: RawData, isBinary: boolean): void {
    this.#receivedAtMessage = this.#receivedBytes;
    this.#chunks = 0;
    if (!isBinary || !(data instanceof Uint8Array)) {
      this.#refuse(TEXT_FAULT);
      return;
    }
    const frame = plainBytes(data);
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
