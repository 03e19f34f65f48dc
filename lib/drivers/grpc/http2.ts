import type { OutgoingHttpHeaders } from 'node:http';
import type { SessionOptions, Settings } from 'node:http2';

/** The one method of F3 peers: a stream of `Frame` messages each way. */
export const STREAM_PATH = '/streamer.Streamer/Stream';

/** How long the peer may take to end its side after our last message; its end shows that it got everything. */
export const LINGER_MS = 1_000;

/** What a peer may send ahead of the reader. HTTP/2's default of 64 KiB makes connections with a long delay slow. */
export const WINDOW_BYTES = 1024 * 1024;

/** Maximum streams per socket. Python's channels share a socket, and wait when they get no stream. */
const MAX_STREAMS = 100;

const SETTINGS: Settings = {
  initialWindowSize: WINDOW_BYTES,
  // Peers that use it send large messages in fewer pieces. Node's own pieces always have 16 KiB.
  maxFrameSize: WINDOW_BYTES,
  maxHeaderListSize: 16 * 1024,
};

const LIMITS = {
  maxHeaderListPairs: 64,
  // In MB, for what is queued for the socket. Messages that are not yet handed to HTTP/2 do not count.
  maxSessionMemory: 10,
} satisfies SessionOptions;

/** The options of a client's session. */
export const CLIENT_OPTIONS: SessionOptions = { ...LIMITS, settings: { ...SETTINGS, enablePush: false } };

/** The options of a server's session. */
export const SERVER_OPTIONS: SessionOptions = {
  ...LIMITS,
  settings: { ...SETTINGS, maxConcurrentStreams: MAX_STREAMS },
};

/** The response headers of a stream that is accepted. */
export const RESPONSE_HEADERS: OutgoingHttpHeaders = { ':status': 200, 'content-type': 'application/grpc' };
