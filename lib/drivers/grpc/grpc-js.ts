import type { ChannelOptions } from '@grpc/grpc-js';

import { MAX_FRAME_BYTES } from '../../wire/prefix.js';

/** `@grpc/grpc-js`. */
export type GrpcJs = typeof import('@grpc/grpc-js');

/** The one method that F3 peers speak: a stream of `Frame` messages each way. */
export const STREAM_PATH = '/streamer.Streamer/Stream';

/** A peer that has not got as far as a stream by then is let go: a connection attempt, or a client without a call. */
export const ESTABLISH_MS = 10_000;

/** After our last message a peer has this long to end its side too; only then is it sure that it got everything. */
export const LINGER_MS = 1_000;

/** What a peer may send ahead of a reader, paused or far away. HTTP/2's own 64 KiB make long ways slow. */
export const WINDOW_BYTES = 1024 * 1024;

/** A message is a little larger than its frame: two tags, `seq` and a length. */
export const MESSAGE_OVERHEAD_BYTES = 32;

/**
 * What clients and servers share: a message may be as large as a frame can be, while what a frame may have is for
 * its connection to say; and nothing is counted for channelz.
 */
export const COMMON_OPTIONS: ChannelOptions = {
  'grpc.max_receive_message_length': MAX_FRAME_BYTES + MESSAGE_OVERHEAD_BYTES,
  'grpc.max_send_message_length': -1,
  'grpc.enable_channelz': 0,
};

let loaded: Promise<GrpcJs> | undefined;

/** Loads `@grpc/grpc-js`, which takes a while, when the first gRPC connector needs it. */
export function loadGrpcJs(): Promise<GrpcJs> {
  return (loaded ??= import('@grpc/grpc-js'));
}
