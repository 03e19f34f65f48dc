import type { Socket } from 'node:net';

import { type Subscription, timer } from 'rxjs';

import { CommError } from '../../comm-error.js';
import { BaseConnection } from '../../transport/base-connection.js';
import type { ConnectionProperties } from '../../transport/connection.js';
import { fromNodeError } from '../node/node-errors.js';
import { SocketWriter } from '../node/socket-writer.js';
import type { FrameReader } from './frame-reader.js';

/** After our last byte a peer has this long to close its side too; only then is it sure that it got everything. */
const LINGER_MS = 1_000;

/** Frames back to back on a TCP or TLS socket. All frames of one tick leave in one write. */
export class TcpConnection extends BaseConnection {
  readonly #socket: Socket;
  readonly #writer: SocketWriter;
  readonly #reader: FrameReader;
  #isFinishing = false;
  #linger: Subscription | undefined;

  /** @param reader - whose `onread` the socket was made with, where that can be */
  constructor(socket: Socket, reader: FrameReader, properties: ConnectionProperties) {
    super(properties);
    this.#socket = socket;
    this.#reader = reader;
    this.#writer = new SocketWriter(socket, {
      isOpen: () => true,
      written: (waited) => this.#written(waited),
    });
    socket.setNoDelay(true);
    socket.on('error', (error) => this.end(fromNodeError(error, this.describe())));
    socket.on('close', () => this.end());
  }

  override get bufferedBytes(): number {
    return this.#writer.bytes;
  }

  override get bufferedFrames(): number {
    return this.#writer.frames;
  }

  protected override write(head: Uint8Array, payload?: Uint8Array): void {
    this.#writer.batch.add(head, payload);
    this.#writer.schedule();
  }

  protected override startReading(): void {
    this.#reader.start(this.#socket, {
      maxFrameBytes: () => this.maxFrameBytes,
      alive: () => this.alive(),
      received: (frame) => this.receive(frame),
      ended: () => this.end(),
      failed: (error) => this.end(withContext(error, this.describe())),
    });
    if (this.isPaused) this.#socket.pause();
  }

  protected override pauseReading(): void {
    this.#socket.pause();
  }

  protected override resumeReading(): void {
    this.#socket.resume();
  }

  protected override finishWriting(): void {
    this.#isFinishing = true;
    this.#socket.on('end', () => this.end());
    this.#socket.resume();
    if (this.bufferedBytes === 0) this.#finish();
  }

  protected override async release(): Promise<void> {
    this.#linger?.unsubscribe();
    this.#reader.stop();
    if (this.#socket.closed) return;
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
    this.#socket.destroy();
    await closed;
  }

  #written(waited: boolean): void {
    if (waited) this.alive();
    this.wrote();
    if (this.#isFinishing && this.bufferedBytes === 0) this.#finish();
  }

  /** Says that nothing more comes, and waits for the peer to say so too. */
  #finish(): void {
    this.#socket.end();
    this.#linger ??= timer(LINGER_MS).subscribe(() => this.end());
  }
}

function withContext(error: unknown, context: string): CommError {
  const { code, message } = CommError.from(error);
  return new CommError(code, `${context}: ${message}`, { cause: error });
}
