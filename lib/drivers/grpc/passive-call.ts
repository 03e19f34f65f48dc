import type { ServerInterceptingCall } from '@grpc/grpc-js';
import type { Socket } from 'node:net';

import { type Subscription, timer } from 'rxjs';

import { CommError, CommErrorCode } from '../../comm-error.js';
import { formatAddress } from '../../transport/url.js';
import type { GrpcCall, GrpcCallListener } from './grpc-call.js';
import { type GrpcJs, LINGER_MS } from './grpc-js.js';
import { limitMessages, wasReset, widenWindow } from './server-internals.js';
import { fromStatus } from './status.js';

/** What an interceptor of a server is given to drive a call. */
export type ServerCall = Pick<
  ServerInterceptingCall,
  'start' | 'startRead' | 'sendMessage' | 'sendStatus' | 'getConnectionInfo'
>;

/** The socket of a client. There may be more than one stream on it: Python's channels share theirs. */
export interface ClientSocket {
  readonly socket: Socket;
  /** How many streams are on it. */
  calls: number;
}

/** Enough that small messages leave together; what waits behind it is not framed yet. */
const WRITE_AHEAD_BYTES = 256 * 1024;

/*
 *   open --either side has finished--> finished --the peer closes, or does not in time--> over
 *     \______________________________the peer cancels or vanishes_______________________/
 */
type State = 'open' | 'finished' | 'over';

/** The stream of a client, as its server drives it. */
export class PassiveCall implements GrpcCall {
  readonly socket: Socket;
  readonly writeAheadBytes = WRITE_AHEAD_BYTES;
  readonly #grpc: GrpcJs;
  readonly #call: ServerCall;
  readonly #client: ClientSocket;
  readonly #context: string;
  readonly #sendStatus: ServerCall['sendStatus'];
  #state: State = 'open';
  #listener: GrpcCallListener | undefined;
  #linger: Subscription | undefined;

  constructor(grpc: GrpcJs, call: ServerCall, client: ClientSocket) {
    this.#grpc = grpc;
    this.#call = call;
    this.#client = client;
    this.socket = client.socket;
    this.#context = formatAddress(this.socket.remoteAddress, this.socket.remotePort);
    this.#sendStatus = call.sendStatus.bind(call);
    // The only trace of what grpc-js ends of its own accord: a message over the limit, or a write that failed.
    call.sendStatus = (status) => {
      this.#sendStatus(status);
      this.#end(fromStatus(status, this.#context, this.socket.errored ?? undefined));
    };
    if (client.calls === 0) widenWindow(call);
    client.calls += 1;
    client.socket.once('close', this.#closed);
    call.start({
      onReceiveMetadata: () => undefined,
      onReceiveMessage: (message: Uint8Array) => this.#listener?.onMessage(message),
      onReceiveHalfClose: () => this.#peerFinished(),
      onCancel: () => this.#streamClosed(),
    });
  }

  listen(listener: GrpcCallListener): void {
    this.#listener = listener;
    limitMessages(this.#call, () => listener.maxFrameBytes);
  }

  read(): void {
    this.#call.startRead();
  }

  write(message: Buffer, written: () => void): void {
    this.#call.sendMessage(message, written);
  }

  /** For a server the status ends both directions, behind all messages. */
  finish(): void {
    if (this.#state !== 'open') return;
    this.#state = 'finished';
    this.#sendStatus({ code: this.#grpc.status.OK, details: 'OK' });
    this.#linger = timer(LINGER_MS).subscribe(() => {
      if (this.#client.calls > 1) this.#end();
      else this.socket.destroy();
    });
  }

  async release(gently: boolean): Promise<void> {
    this.#linger?.unsubscribe();
    const { socket } = this;
    socket.off('close', this.#closed);
    if (this.#state === 'open') this.#sendStatus({ code: this.#grpc.status.CANCELLED, details: 'closed' });
    this.#state = 'over';
    this.#client.calls -= 1;
    if (this.#client.calls > 0 || socket.closed) return;
    await new Promise<void>((resolve) => {
      const leave = timer(gently ? LINGER_MS : 0).subscribe(() => {
        if (this.#client.calls > 0) resolve();
        else socket.destroy();
      });
      socket.once('close', () => {
        leave.unsubscribe();
        resolve();
      });
    });
  }

  /** A stream that was reset looks as if it had ended, at first. */
  #peerFinished(): void {
    if (wasReset(this.#call)) return;
    this.finish();
    this.#end();
  }

  /** The stream was reset, or our status has gone out: then the client closes the socket, if that is all on it. */
  #streamClosed(): void {
    if (this.#state === 'open') this.#end(this.#gone());
    else if (this.#client.calls > 1) this.#end();
  }

  readonly #closed = (): void => this.#end(this.#state === 'open' ? this.#gone() : undefined);

  #end(error?: CommError): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#listener?.onEnd(error);
  }

  #gone(): CommError {
    const message = `${this.#context}: the peer cancelled the stream, or has gone`;
    return new CommError(CommErrorCode.CLOSED, message, { cause: this.socket.errored ?? undefined });
  }
}
