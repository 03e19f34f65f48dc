import { constants, type ServerHttp2Stream } from 'node:http2';

import { type Subscription, timer } from 'rxjs';

import type { CommError } from '../../comm-error.js';
import type { ClientSession } from './client-session.js';
import { GrpcConnection } from './grpc-connection.js';
import { LINGER_MS, RESPONSE_HEADERS } from './http2.js';
import { type GrpcStatus, statusHeaders, toRefusal, toStatus } from './status.js';

/** The server's side of a stream. */
export class PassiveConnection extends GrpcConnection {
  readonly #stream: ServerHttp2Stream;
  readonly #client: ClientSession;
  #reason: CommError | undefined;
  #linger: Subscription | undefined;

  constructor(stream: ServerHttp2Stream, client: ClientSession) {
    super(stream, client.socket);
    this.#stream = stream;
    this.#client = client;
    client.join();
    stream.respond(RESPONSE_HEADERS, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers(statusHeaders(this.#status)));
  }

  /** Sends the status, which ends both directions behind all messages. */
  protected override finishWriting(): void {
    this.#stream.end();
    this.#linger ??= timer(LINGER_MS).subscribe(() => this.#reset());
  }

  protected override peerFinished(): void {
    this.endOfPeer();
  }

  protected override streamClosed(): void {
    this.#linger?.unsubscribe();
    if (this.isFinishing) this.end();
    else this.end(this.brokenError('the peer cancelled the stream, or has gone'));
  }

  protected override end(reason?: CommError): void {
    this.#reason ??= reason;
    super.end(reason);
  }

  /** Tells the client why, if it reads that far. */
  protected override async release(): Promise<void> {
    await super.release();
    if (!this.#stream.destroyed) {
      this.finishWriting();
      this.#stream.resume();
    }
    await this.#client.leave(this.#stream);
  }

  get #status(): GrpcStatus {
    return this.told === undefined ? toStatus(this.#reason) : toRefusal(this.told);
  }

  #reset(): void {
    this.#stream.close(constants.NGHTTP2_CANCEL);
    this.#stream.destroy();
  }
}
