import type { OutgoingHttpHeaders } from 'node:http';
import type { SessionOptions, Settings } from 'node:http2';

/** The one method that F3 peers speak: a stream of `Frame` messages each way. */
export const STREAM_PATH = '/streamer.Streamer/Stream';

/** A peer that has not got as far as a stream by then is let go: a connection attempt, or a client without a call. */
export const ESTABLISH_MS = 10_000;

/** After our last message a peer has this long to end its side too; only then is it sure that it got everything. */
export const LINGER_MS = 1_000;

/** What a peer may send ahead of a reader, paused or far away. HTTP/2's own 64 KiB make long ways slow. */
export const WINDOW_BYTES = 1024 * 1024;

/** How many streams one socket may carry. Python's channels share theirs, and wait where they get no stream. */
const MAX_STREAMS = 100;

const SETTINGS: Settings = {
  initialWindowSize: WINDOW_BYTES,
  // Large messages come in fewer pieces from peers that make use of it; Node's own pieces are always of 16 KiB.
  maxFrameSize: WINDOW_BYTES,
  maxHeaderListSize: 16 * 1024,
};

const LIMITS = {
  maxHeaderListPairs: 64,
  // In MB: what is queued for the socket. Messages on their way do not count before they are handed over.
  maxSessionMemory: 10,
} satisfies SessionOptions;

/** The options of a client's session. */
export const CLIENT_OPTIONS: SessionOptions = { ...LIMITS, settings: { ...SETTINGS, enablePush: false } };

/** The options of a session with a client of ours. */
export const SERVER_OPTIONS: SessionOptions = {
  ...LIMITS,
  settings: { ...SETTINGS, maxConcurrentStreams: MAX_STREAMS },
};

/** What a stream of ours is answered with, before the first message. */
export const RESPONSE_HEADERS: OutgoingHttpHeaders = { ':status': 200, 'content-type': 'application/grpc' };
