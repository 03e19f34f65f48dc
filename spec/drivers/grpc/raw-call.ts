import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';

import { STREAM_PATH } from '../../../lib/drivers/grpc/http2.js';
import { parseUrl } from '../../../lib/transport/url.js';

/** A gRPC stream made of bare HTTP/2, to send what no client would. */
export interface RawCall extends Disposable {
  readonly session: ClientHttp2Session;
  readonly stream: ClientHttp2Stream;
  /** Resolves when the session is closed. */
  readonly closed: Promise<void>;
}

/** Opens a session to a `grpc` URL and a stream on it. */
export function rawCall(url: string, path = STREAM_PATH): RawCall {
  const { host = '', port = 0 } = parseUrl(url);
  const session = connect(`http://${host}:${port}`);
  // What the server does to us shows in the test, and in its own side of the connection.
  session.on('error', () => undefined);
  const stream = rawStream(session, path);
  const closed = new Promise<void>((resolve) => session.once('close', () => resolve()));
  return { session, stream, closed, [Symbol.dispose]: () => session.destroy() };
}

/** One more stream on a session. */
export function rawStream(
  session: ClientHttp2Session,
  path = STREAM_PATH,
  headers: OutgoingHttpHeaders = {},
): ClientHttp2Stream {
  const usual = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
  const stream = session.request({ ...usual, ...headers });
  stream.on('error', () => undefined);
  return stream;
}

/** A message as it travels: a flag for compression, the length, and then what follows. */
export function framed(message: Uint8Array, length = message.length): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

/** The `grpc-status` that a stream ends with. */
export function statusOf(stream: ClientHttp2Stream): Promise<string> {
  return new Promise((resolve) => {
    const take = ({ 'grpc-status': status }: IncomingHttpHeaders): void => {
      if (typeof status === 'string') resolve(status);
    };
    stream.on('response', take).on('trailers', take);
    stream.resume();
  });
}
