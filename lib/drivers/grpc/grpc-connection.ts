import type { Http2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';

import { Subscription } from 'rxjs';

import { CommError, CommErrorCode, type CommErrorDetail } from '../../comm-error.js';
import { BaseConnection } from '../../transport/base-connection.js';
import { SocketWriter } from '../node/socket-writer.js';
import { keepFromTransfer } from '../node/untransferable.js';
import { beginFrameMessage } from './frame-message.js';
import { MessageSplitter } from './message-splitter.js';
import { socketProperties } from '../node/socket-properties.js';
import { watchWrites } from './stalled-write.js';
import { fromHttp2Error } from './status.js';

/** `seq` is an int32; after the largest it starts again. */
const MAX_SEQ = 0x7fffffff;

/**
 * Frames as the messages of one gRPC stream, which is one stream of HTTP/2. All messages of one tick leave in one write.
 * The two subclasses end a stream, which clients and servers do differently.
 */
export abstract class GrpcConnection extends BaseConnection {
  protected readonly stream: Http2Stream;
  /** The socket of the stream's session. A server may have several streams on it. */
  protected readonly socket: Socket;
  readonly #writer: SocketWriter;
  readonly #splitter = new MessageSplitter();
  #seq = 0;
  #receivedBytes = 0;
  #grantedBytes = 0;
  #streamError: Error | undefined;
  #watch = Subscription.EMPTY;

  constructor(stream: Http2Stream, socket: Socket) {
    super(socketProperties(socket));
    this.stream = stream;
    this.socket = socket;
    this.#writer = new SocketWriter(stream, {
      isOpen: () => stream.writable,
      written: () => this.wrote(),
    });
    stream.on('error', (error) => (this.#streamError = error));
    stream.on('end', () => void this.#ended());
    stream.on('close', () => this.streamClosed());
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

  /**
   * Counts the bytes of the stream and not messages, since a large message takes long; and the bytes that the peer has
   * let us send, by window updates, since it sends nothing else while it reads a large message. It does not count the
   * bytes of the socket: HTTP/2 goes on reading, and drops what it reads, when the peer has broken the protocol.
   */
  override get activity(): number {
    const window = this.stream.session?.state.remoteWindowSize ?? 0;
    // What is on its way has left the window, and is not written yet.
    this.#grantedBytes = Math.max(this.#grantedBytes, window + this.#writer.writtenBytes);
    return this.#receivedBytes + this.#grantedBytes;
  }

  /** The peer has ended its side, and everything before that was read. */
  protected abstract peerFinished(): void;

  /** The stream is closed, for any reason. */
  protected abstract streamClosed(): void;

  protected override write(head: Uint8Array, payload?: Uint8Array): void {
    this.#seq = this.#seq === MAX_SEQ ? 1 : this.#seq + 1;
    this.#writer.batch.add(beginFrameMessage(this.#seq, head, payload?.length ?? 0), payload);
    this.#writer.schedule();
    if (this.#watch.closed) this.#watch = watchWrites(this.socket, () => this.bufferedBytes > 0);
  }

  protected override startReading(): void {
    this.stream.on('data', (chunk: Uint8Array) => this.#receiveChunk(chunk));
  }

  /** Lets the HTTP/2 window fill up, so that the peer has to wait. */
  protected override pauseReading(): void {
    this.stream.pause();
  }

  protected override resumeReading(): void {
    this.stream.resume();
  }

  protected override release(): Promise<void> {
    this.#watch.unsubscribe();
    return Promise.resolve();
  }

  /** Ends because the peer did: with an error if it was in the middle of a message. */
  protected endOfPeer(): void {
    const { pendingBytes } = this.#splitter;
    if (pendingBytes === 0 || !this.isOpen) this.end();
    else
      this.end(
        this.closedError(
          `the stream ended in the middle of a frame, ${pendingBytes} bytes after its start`,
          'truncated',
        ),
      );
  }

  /** Why the stream broke. */
  protected brokenError(otherwise: string): CommError {
    const error = this.socket.errored ?? this.#streamError;
    return error === undefined ? this.closedError(otherwise) : fromHttp2Error(error, this.describe());
  }

  protected closedError(text: string, detail?: CommErrorDetail): CommError {
    return new CommError(CommErrorCode.CLOSED, `${this.describe()}: ${text}`, { detail });
  }

  /** Node's clients, grpc-js among them, send the end before they cancel, so a reset that follows at once counts. */
  async #ended(): Promise<void> {
    await setImmediate();
    if (this.stream.rstCode === 0) this.peerFinished();
  }

  #receiveChunk(chunk: Uint8Array): void {
    // Node reads into it again for other streams, and would throw where nobody catches.
    keepFromTransfer(chunk.buffer);
    this.#receivedBytes += chunk.length;
    try {
      this.#splitter.push(chunk);
      let frame: Uint8Array | undefined;
      while (this.isOpen && (frame = this.#splitter.shift(this.maxFrameBytes)) !== undefined)
        this.receive(frame);
    } catch (error) {
      this.end(CommError.within(error, this.describe()));
    }
  }
}
