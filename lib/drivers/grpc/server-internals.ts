import type { ServerHttp2Stream } from 'node:http2';

import { MESSAGE_OVERHEAD_BYTES, WINDOW_BYTES } from './grpc-js.js';
import type { ServerCall } from './passive-call.js';

/** What the calls of a grpc-js server have inside. All of it is optional, since nobody promised it. */
interface Internals {
  readonly stream?: ServerHttp2Stream;
  readonly decoder?: { maxReadMessageLength?: number };
}

/** Up to here a message is let in and its frame refused by the connection, so that the frames before it count. */
const TOLERATED_BYTES = 1024 * 1024;

/** Lets the clients of a server send ahead as far as a server may with clients: grpc-js has an option for those only. */
export function widenWindow(call: ServerCall): void {
  const session = (call as Internals).stream?.session;
  session?.settings({ initialWindowSize: WINDOW_BYTES });
  session?.setLocalWindowSize(WINDOW_BYTES);
}

/** Whether the stream was broken off, by the client or with its socket. */
export function wasReset(call: ServerCall): boolean {
  const { stream } = call as Internals;
  return (stream?.rstCode ?? 0) !== 0;
}

/**
 * Refuses a message when its length has come in, and not when all of it is in memory: before the handshake anyone
 * could send 2 GiB. The limit of grpc-js is fixed when a call begins, while that of a connection grows.
 *
 * @param maxFrameBytes - asked for each message
 */
export function limitMessages(call: ServerCall, maxFrameBytes: () => number): void {
  const { decoder } = call as Internals;
  if (decoder?.maxReadMessageLength === undefined) return;
  Object.defineProperty(decoder, 'maxReadMessageLength', {
    get: () => Math.max(maxFrameBytes(), TOLERATED_BYTES) + MESSAGE_OVERHEAD_BYTES,
  });
}
