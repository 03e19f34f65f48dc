/** How a cell sends and receives streams. */
export interface StreamOptions {
  /** The size of all chunks but the last, in bytes. Default: 1 MiB, as NVFlare's. Range: 1 to 1 GiB. An integer. */
  readonly chunkBytes?: number;
  /**
   * How much may be on its way before the receiver has consumed it, and one chunk more, in bytes. Default: 16 MiB. Range: 1
   * to 2^53 - 1. An integer. NVFlare up to 2.8 acknowledges every 4 MiB, so a window to it must be larger than that.
   */
  readonly windowBytes?: number;
  /**
   * How long a sender waits for an acknowledgement of more than before, in milliseconds, or up to `retryMs` longer; it does
   * not count while the sender waits for its source alone. Default: 60,000. Range: 1 to 2^31 - 1.
   */
  readonly ackTimeoutMs?: number;
  /**
   * After how long a chunk of a reliable stream that is not acknowledged is sent again, in milliseconds, or up to twice as
   * long; each time after twice as long as before. Default: 5,000. Range: 1 to 2^31 - 1.
   */
  readonly retryMs?: number;
  /**
   * A stream that comes from elsewhere is given up where its sender is silent, or nobody reads it, for this long, in
   * milliseconds, or half as long again. Default: 60,000. Range: 1 to 2^31 - 1. A reader that is busy with a chunk keeps it
   * open for as long as it is: bound that by a time of your own.
   */
  readonly idleTimeoutMs?: number;
  /** How many streams one neighbour may have open to us. Default: 1,000. Range: 0 to Infinity. */
  readonly maxStreamsPerNeighbour?: number;
  /**
   * How many replies to requests of one neighbour may be on their way as streams; those beyond are refused. Default: 1,000.
   * Range: 0 to Infinity.
   */
  readonly maxRepliesPerNeighbour?: number;
  /** How many bytes these may hold. One is always sent, however large. Default: 1 GiB. Range: 0 to Infinity. */
  readonly maxReplyBytesPerNeighbour?: number;
  /** How many replies to requests of all neighbours may be on their way as streams. Default: 10,000. Range: 0 to Infinity. */
  readonly maxReplies?: number;
  /** How many bytes all these may hold. One is always sent, however large. Default: 2 GiB. Range: 0 to Infinity. */
  readonly maxReplyBytes?: number;
  /**
   * How many bytes of one stream may wait to be consumed. Default: 72 MiB. Range: 0 to Infinity. The window of its sender
   * must fit in: NVFlare 2.9 has 64 MiB. A chunk counts as 256 bytes at least.
   */
  readonly maxUnreadBytes?: number;
  /**
   * How many bytes all streams that come from elsewhere may hold at a time, counted alike. Default: 1 GiB. Range: 0 to
   * Infinity. `bytes$`, and requests and replies that are streams, take as much again while they put their chunks together.
   */
  readonly maxHeldBytes?: number;
}

const MIB = 1024 ** 2;

export const STREAM_DEFAULTS: Required<StreamOptions> = {
  chunkBytes: MIB,
  windowBytes: 16 * MIB,
  ackTimeoutMs: 60_000,
  retryMs: 5_000,
  idleTimeoutMs: 60_000,
  maxStreamsPerNeighbour: 1_000,
  maxRepliesPerNeighbour: 1_000,
  maxReplyBytesPerNeighbour: 1_024 * MIB,
  maxReplies: 10_000,
  maxReplyBytes: 2_048 * MIB,
  maxUnreadBytes: 72 * MIB,
  maxHeldBytes: 1_024 * MIB,
};
