import { constants, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2';
import { setImmediate } from 'node:timers/promises';

import { CommError, CommErrorCode } from '../../comm-error.js';
import { untilClosed } from '../node/until-closed.js';
import { GrpcConnection } from './grpc-connection.js';
import { LINGER_MS, STREAM_PATH } from './http2.js';
import type { OpenSession } from './open-session.js';
import { fromStatus, GrpcCode, type GrpcStatus, readStatus } from './status.js';

type ResponseHeaders = IncomingHttpHeaders & IncomingHttpStatusHeader;

/** The client's side of a stream, on an HTTP/2 session of its own. */
export class ActiveConnection extends GrpcConnection {
  #status: GrpcStatus | undefined;

  /** Calls without waiting for the response: NVFlare's server sends no headers before its first message. */
  constructor({ session, socket, authority }: OpenSession) {
    const stream = session.request({
      ':method': 'POST',
      ':path': STREAM_PATH,
      ':authority': authority,
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': 'rxflare',
    });
    super(stream, socket);
    stream.on('response', (headers: ResponseHeaders) => this.#answered(headers));
    stream.on('trailers', (headers: IncomingHttpHeaders) => (this.#status = readStatus(headers)));
  }

  protected override finishWriting(): void {
    this.stream.end();
    this.endAfter(LINGER_MS);
  }

  protected override peerFinished(): void {
    if (this.#status === undefined)
      this.end(this.closedError('the peer ended the stream without a gRPC status'));
    else if (this.#isAnswerToOurEnd(this.#status.code === GrpcCode.CANCELLED)) this.end();
    else this.#endWith(this.#status);
  }

  protected override streamClosed(): void {
    if (this.#isAnswerToOurEnd(this.stream.rstCode === constants.NGHTTP2_CANCEL)) this.end();
    else if (this.#status !== undefined) this.#endWith(this.#status);
    else this.end(this.brokenError('the peer closed the connection'));
  }

  protected override async release(): Promise<void> {
    await super.release();
    // As with a TCP socket, the peer should see an end and no failure, if that can be sent at once.
    this.stream.end();
    await setImmediate();
    await setImmediate();
    this.stream.session?.destroy();
    this.socket.destroy();
    await untilClosed(this.socket);
  }

  /** NVFlare's server cancels as its answer to the end of our side, when it has read everything. */
  #isAnswerToOurEnd(isCancelled: boolean): boolean {
    return this.isFinishing && isCancelled;
  }

  #endWith(status: GrpcStatus): void {
    const error = fromStatus(status, this.describe());
    if (error === undefined) this.endOfPeer();
    else this.end(error);
  }

  /** Anything but 200 and gRPC comes from a server or proxy without gRPC at this address. */
  #answered(headers: ResponseHeaders): void {
    this.#status = readStatus(headers);
    const { ':status': httpStatus = 0, 'content-type': type = 'no content type' } = headers;
    if (httpStatus === 200 && type.startsWith('application/grpc')) return;
    const code = httpStatus >= 500 || httpStatus === 429 ? CommErrorCode.NOT_READY : CommErrorCode.BAD_DATA;
    const detail = `expected gRPC, got HTTP status ${httpStatus} and ${type}: is it the right port?`;
    this.end(new CommError(code, `${this.describe()}: ${detail}`));
  }
}
