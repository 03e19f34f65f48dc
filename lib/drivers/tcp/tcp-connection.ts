import type { Duplex } from 'node:stream';

import { CommError } from '../../comm-error.js';
import { BaseConnection } from '../../transport/base-connection.js';
import type { ConnectionProperties } from '../../transport/connection.js';
import { SocketWriter } from '../node/socket-writer.js';
import { attemptError, type TlsWatch } from '../node/tls-watch.js';
import { untilClosed } from '../node/until-closed.js';
import type { FrameReader } from './frame-reader.js';

/** How long the peer may take to close its side after our last byte; its close shows that it got everything. */
const LINGER_MS = 1_000;

/** Frames back to back on a socket, or on another Node stream. All frames of one tick leave in one write. */
export class TcpConnection extends BaseConnection {
  readonly #socket: Duplex;
  readonly #writer: SocketWriter;
  readonly #reader: FrameReader;
  /** Until the peer has sent something. */
  #watch: TlsWatch | undefined;

  /**
   * @param reader - the one whose `onread` the socket was created with, if it was
   * @param watch - of an active side's TLS handshake
   */
  constructor(socket: Duplex, reader: FrameReader, properties: ConnectionProperties, watch?: TlsWatch) {
    super(properties);
    this.#socket = socket;
    this.#reader = reader;
    this.#watch = watch;
    this.#writer = new SocketWriter(socket, {
      isOpen: () => true,
      written: (waited) => this.#written(waited),
    });
    socket.on('error', (error) => this.end(attemptError(error, this.#watch, this.describe())));
    // While it is open, the reader judges whether the stream ended behind a whole frame.
    socket.on('end', () => {
      if (!this.isOpen) this.end();
    });
    socket.on('close', () => this.#ended());
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
    this.#writer.batch.add(head, payload);
    this.#writer.schedule();
  }

  protected override startReading(): void {
    this.#reader.start(this.#socket, {
      maxFrameBytes: () => this.maxFrameBytes,
      alive: () => {
        this.#watch = undefined;
        this.alive();
      },
      received: (frame) => this.receive(frame),
      ended: () => this.#ended(),
      failed: (error) => this.end(CommError.within(error, this.describe())),
    });
  }

  protected override pauseReading(): void {
    this.#socket.pause();
  }

  protected override resumeReading(): void {
    this.#socket.resume();
  }

  protected override finishWriting(): void {
    this.#socket.end();
    this.endAfter(LINGER_MS);
  }

  protected override async release(): Promise<void> {
    this.#reader.stop();
    this.#socket.destroy();
    await untilClosed(this.#socket);
  }

  #ended(): void {
    this.end(this.isOpen ? this.#watch?.refusal(this.describe()) : undefined);
  }

  #written(waited: boolean): void {
    if (waited) this.alive();
    this.wrote();
  }
}
