import type { ChannelInterface, experimental } from '@grpc/grpc-js';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';

import { type Subscription, timer } from 'rxjs';

import { CommError, CommErrorCode } from '../../comm-error.js';
import type { TlsMaterial } from '../tls.js';
import { makeChannel } from './channel.js';
import type { GrpcCall, GrpcCallListener } from './grpc-call.js';
import { ESTABLISH_MS, type GrpcJs, LINGER_MS, STREAM_PATH } from './grpc-js.js';
import { fromFailedConnect, fromStatus, GrpcCode, type GrpcStatus } from './status.js';

/** Where to call. */
export interface CallTarget {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsMaterial | undefined;
  /** The URL, for messages. */
  readonly context: string;
}

/** The stream of a client, on a channel of its own. */
export class ActiveCall implements GrpcCall {
  /** grpc-js keeps no order among messages that are handed over together. */
  readonly writeAheadBytes = 0;
  readonly #grpc: GrpcJs;
  readonly #context: string;
  readonly #abort = new AbortController();
  readonly #channel: ChannelInterface;
  readonly #call: experimental.CallStream;
  #socket: Socket | undefined;
  #socketError: Error | undefined;
  #status: GrpcStatus | undefined;
  #listener: GrpcCallListener | undefined;
  #fail: ((error: CommError) => void) | undefined;
  #isFinishing = false;
  #linger: Subscription | undefined;
  #released: Promise<void> | undefined;

  constructor(grpc: GrpcJs, { context, ...target }: CallTarget) {
    this.#grpc = grpc;
    this.#context = context;
    this.#channel = makeChannel(grpc, {
      ...target,
      signal: this.#abort.signal,
      onSocket: (socket) => (this.#socket = socket),
      onSocketError: (error) => (this.#socketError ??= error),
    });
    this.#call = this.#channel.createCall(STREAM_PATH, Infinity, null, null, null);
    this.#call.start(new grpc.Metadata(), {
      onReceiveMetadata: () => undefined,
      onReceiveMessage: (message: Uint8Array) => this.#listener?.onMessage(message),
      onReceiveStatus: (status) => this.#end(status),
    });
  }

  get socket(): Socket {
    if (this.#socket !== undefined) return this.#socket;
    throw new CommError(CommErrorCode.NOT_READY, `${this.#context}: not connected yet`);
  }

  /**
   * Resolves when HTTP/2 is agreed on and the call on its way. It cannot wait for an answer: a passive F3 peer says
   * nothing before the HELLO of the active one, and NVFlare's server sends no metadata before its first message.
   */
  established(): Promise<void> {
    const { connectivityState } = this.#grpc;
    const deadline = Date.now() + ESTABLISH_MS;
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      const look = (timeout?: Error): void => {
        // Not `true`, which would bring a closed channel back to life. The call makes it connect.
        const state = this.#channel.getConnectivityState(false);
        if (timeout !== undefined) {
          reject(new CommError(CommErrorCode.TIMEOUT, `${this.#context}: no answer in ${ESTABLISH_MS} ms`));
        } else if (state === connectivityState.READY) resolve();
        else if (state !== connectivityState.SHUTDOWN) {
          // A failure is told by the status of the call.
          this.#channel.watchConnectivityState(state, deadline, look);
        }
      };
      look();
    });
  }

  listen(listener: GrpcCallListener): void {
    this.#listener = listener;
    if (this.#status !== undefined) this.#end(this.#status);
  }

  read(): void {
    this.#call.startRead();
  }

  write(message: Buffer, written: () => void): void {
    this.#call.sendMessageWithContext({ callback: written }, message);
  }

  finish(): void {
    this.#isFinishing = true;
    this.#call.halfClose();
    this.#linger ??= timer(LINGER_MS).subscribe(() => this.#listener?.onEnd());
  }

  release(): Promise<void> {
    return (this.#released ??= this.#release());
  }

  async #release(): Promise<void> {
    this.#linger?.unsubscribe();
    // As of a TCP socket that is destroyed, the peer shall see an end and not a failure, if that gets through at once.
    this.#call.halfClose();
    await setImmediate();
    await setImmediate();
    this.#call.cancelWithStatus(this.#grpc.status.CANCELLED, 'closed');
    this.#channel.close();
    this.#abort.abort();
    const socket = this.#socket;
    if (socket === undefined || socket.closed) return;
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.destroy();
    await closed;
  }

  #end(status: GrpcStatus): void {
    this.#status = status;
    const { code } = status;
    // NVFlare's server answers the end of our side by cancelling, when it has read everything.
    const isClean = code === GrpcCode.OK || (this.#isFinishing && code === GrpcCode.CANCELLED);
    if (this.#listener === undefined) {
      const trace = { isConnected: this.#socket !== undefined, error: this.#socketError };
      this.#fail?.(fromFailedConnect(status, this.#context, trace));
    } else if (isClean) this.#listener.onEnd();
    else this.#listener.onEnd(fromStatus(status, this.#context, this.#socketError));
  }
}
