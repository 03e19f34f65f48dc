import type { Socket } from 'node:net';

import { fromNodeError } from '../../../lib/drivers/node/node-errors.js';
import { plainBytes } from '../../../lib/drivers/node/plain-bytes.js';
import { SocketWriter } from '../../../lib/drivers/node/socket-writer.js';
import { CommError, CommErrorCode } from '../../../lib/index.js';
import { Fifo } from '../../../lib/transport/fifo.js';
import { FrameSplitter } from '../../../lib/wire/frame-splitter.js';
import { MAX_FRAME_BYTES, PREFIX_BYTES } from '../../../lib/wire/prefix.js';

/** One end of one of the many connections on a carrier. */
export interface MuxLine {
  /** The listener has accepted it. */
  opened?(): void;
  received(frame: Uint8Array): void;
  /**
   * What was sent up to a position of {@link MuxCarrier.tellWritten} has gone to the operating system.
   *
   * @param waited - whether it had to wait for the peer
   */
  written(waited: boolean): void;
  /** It is closed: by its peer, or for a reason. */
  ended(reason?: CommError): void;
}

/** What the two sides of a carrier do beside carrying. */
export interface CarrierHost {
  /** Named in errors. */
  readonly context: string;
  /** Takes a connection that the peer opens: gives it a line by {@link MuxCarrier.put}. Default: each is refused. */
  accept?(id: number): void;
  /** No more connections can be opened on it: it has ended, or its peer has stopped listening. */
  left(): void;
}

/*
 * A message on a carrier is a header of 16 bytes and a frame, in network byte order:
 *
 *   length of both u32 | number of the connection u32 | kind u8 | seven zeros
 *
 * The length is where a frame has it, so that the splitter of frames cuts messages too.
 */
const Kind = { OPEN: 1, OPENED: 2, DATA: 3, CLOSE: 4, LEAVE: 5 } as const;
const HEADER_BYTES = PREFIX_BYTES;
const header = new Uint8Array(HEADER_BYTES);
const headerView = new DataView(header.buffer);

interface Waiting {
  readonly position: number;
  readonly line: MuxLine;
}

/**
 * A socket that carries many connections. All that they send in one tick leaves in one write. A connection that pauses
 * holds up the whole carrier: there is no flow control for each of them.
 */
export class MuxCarrier {
  readonly #socket: Socket;
  readonly #host: CarrierHost;
  readonly #writer: SocketWriter;
  readonly #splitter = new FrameSplitter();
  readonly #lines = new Map<number, MuxLine>();
  /** Connections whose CLOSE is sent, and that wait for that of the peer. */
  readonly #finishing = new Set<number>();
  readonly #waiting = new Fifo<Waiting>();
  readonly #holders = new Set<MuxLine>();
  #lastId = 0;
  #hasLeft = false;

  constructor(socket: Socket, host: CarrierHost) {
    this.#socket = socket.setNoDelay(true);
    this.#host = host;
    this.#writer = new SocketWriter(socket, {
      isOpen: () => true,
      written: (waited) => this.#written(waited),
    });
    socket.on('data', (chunk: Uint8Array) => this.#read(chunk));
    socket.on('error', (error) => this.#endAll(fromNodeError(error, host.context)));
    socket.on('close', () =>
      this.#endAll(new CommError(CommErrorCode.CLOSED, `${host.context}: the socket has closed`)),
    );
  }

  /** What has gone to the operating system, since the beginning. */
  get writtenBytes(): number {
    return this.#writer.writtenBytes;
  }

  /** Opens a connection. Its line hears whether that worked. */
  open(line: MuxLine): number {
    this.#lastId += 1;
    this.#lines.set(this.#lastId, line);
    this.#write(this.#lastId, Kind.OPEN);
    return this.#lastId;
  }

  /** Gives a connection its line, or another one. */
  put(id: number, line: MuxLine): void {
    this.#lines.set(id, line);
  }

  /**
   * Sends a frame, or drops it where the connection is closed.
   *
   * @returns its end, for `tellWritten`
   */
  send(id: number, head: Uint8Array, payload?: Uint8Array): number {
    if (this.#lines.has(id)) this.#write(id, Kind.DATA, head, payload);
    return this.#writer.writtenBytes + this.#writer.bytes;
  }

  /** Calls `written` of a line when all up to a position has gone to the operating system. */
  tellWritten(position: number, line: MuxLine): void {
    this.#waiting.push({ position, line });
  }

  /** Stops reading until this line, and all others that hold it, have let it go. */
  hold(line: MuxLine): void {
    this.#holders.add(line);
    this.#socket.pause();
  }

  /** Lets it read again. */
  letGo(line: MuxLine): void {
    if (this.#holders.delete(line) && this.#holders.size === 0) this.#socket.resume();
  }

  /** Closes a connection, and waits for the peer to do so. */
  finish(id: number): void {
    if (!this.#lines.has(id)) return;
    this.#finishing.add(id);
    this.#write(id, Kind.CLOSE);
  }

  /** Closes a connection, if it is not closed. Its line hears nothing more. */
  close(id: number): void {
    const line = this.#lines.get(id);
    if (line === undefined) return;
    if (!this.#finishing.has(id)) this.#write(id, Kind.CLOSE);
    this.#remove(id, line);
  }

  /** Opens and accepts no more connections; ends when there are none left. */
  leave(): void {
    if (this.#hasLeft) return;
    this.#write(0, Kind.LEAVE);
    this.#leave();
  }

  #write(id: number, kind: number, head?: Uint8Array, payload?: Uint8Array): void {
    headerView.setUint32(0, HEADER_BYTES + (head?.length ?? 0) + (payload?.length ?? 0));
    headerView.setUint32(4, id);
    header[8] = kind;
    const { batch } = this.#writer;
    const start = batch.reserve(header.length);
    batch.memory.set(header, start);
    if (head === undefined) batch.endFrame(undefined, 0);
    else batch.add(head, payload);
    this.#writer.schedule();
  }

  #written(waited: boolean): void {
    let next: Waiting | undefined;
    while ((next = this.#waiting.peek()) !== undefined && next.position <= this.writtenBytes) {
      this.#waiting.shift();
      next.line.written(waited);
    }
    this.#endIfUnused();
  }

  #read(chunk: Uint8Array): void {
    this.#splitter.push(plainBytes(chunk));
    try {
      let message: Uint8Array | undefined;
      while ((message = this.#splitter.shift(MAX_FRAME_BYTES)) !== undefined) this.#take(message);
    } catch (error) {
      this.#socket.destroy(error instanceof Error ? error : undefined);
    }
  }

  #take(message: Uint8Array): void {
    const id = new DataView(message.buffer, message.byteOffset).getUint32(4);
    const line = this.#lines.get(id);
    switch (message[8]) {
      case Kind.OPEN:
        this.#accept(id);
        break;
      case Kind.OPENED:
        line?.opened?.();
        break;
      case Kind.DATA:
        line?.received(message.subarray(HEADER_BYTES));
        break;
      case Kind.CLOSE:
        if (line === undefined) break;
        if (!this.#finishing.has(id)) this.#write(id, Kind.CLOSE);
        this.#remove(id, line);
        line.ended();
        break;
      case Kind.LEAVE:
        this.#leave();
    }
  }

  #accept(id: number): void {
    if (this.#host.accept === undefined || this.#hasLeft || this.#lines.has(id)) {
      this.#write(id, Kind.CLOSE);
      return;
    }
    this.#write(id, Kind.OPENED);
    this.#host.accept(id);
  }

  #remove(id: number, line: MuxLine): void {
    this.#lines.delete(id);
    this.#finishing.delete(id);
    this.letGo(line);
    this.#endIfUnused();
  }

  #leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#host.left();
    this.#endIfUnused();
  }

  /** The side that listens waits for more connections until it leaves. */
  #endIfUnused(): void {
    if (this.#lines.size > 0 || (this.#host.accept !== undefined && !this.#hasLeft)) return;
    this.#leave();
    if (this.#writer.bytes === 0) this.#socket.end();
  }

  #endAll(reason: CommError): void {
    this.#leave();
    const lines = [...this.#lines.values()];
    this.#lines.clear();
    for (const line of lines) line.ended(reason);
  }
}
