import type { Socket } from 'node:net';

import type { CommError } from '../../comm-error.js';

/** What a stream tells its connection. */
export interface GrpcCallListener {
  /** The largest frame that is accepted now. */
  readonly maxFrameBytes: number;
  /** One message has come. The next comes when `read` asks for it. */
  onMessage(message: Uint8Array): void;
  /** The stream is over, cleanly or with an error. No message comes after it. */
  onEnd(error?: CommError): void;
}

/** One gRPC stream, as its connection drives it. grpc-js has different classes for clients and for servers. */
export interface GrpcCall {
  /** What the stream runs on; a server may have more than one stream there. */
  readonly socket: Socket;
  /** A message is handed over when fewer bytes than this are being written, or none. */
  readonly writeAheadBytes: number;
  /** Is told from now on. Called once. */
  listen(listener: GrpcCallListener): void;
  /** Asks for one message. As long as nobody asks, what the peer sends waits on its side. */
  read(): void;
  /** `written` is called when the message is with the operating system, in the order of the calls. */
  write(message: Buffer, written: () => void): void;
  /** Says that nothing more is written. `onEnd` comes when the peer has heard it, or has had its time to. */
  finish(): void;
  /**
   * Lets go of the stream, and of the socket where no other stream is on it.
   *
   * @param gently - leave the peer a moment to take what is on its way
   * @returns when nothing is left open
   */
  release(gently: boolean): Promise<void>;
}
