/** How a cell sends and receives streams. */
export interface StreamOptions {
  /** The size of all chunks but the last. Default: 1 MiB, as NVFlare's. */
  readonly chunkBytes?: number;
  /**
   * How much may be on its way before the receiver has consumed it. Default: 16 MiB. NVFlare up to 2.8 acknowledges every
   * 4 MiB, so a window to it must be larger than that.
   */
  readonly windowBytes?: number;
  /** How long a sender waits for an acknowledgement, in milliseconds. Default: 60,000. */
  readonly ackTimeoutMs?: number;
  /** After how long a chunk of a reliable stream is sent again, in milliseconds. Default: 5,000. */
  readonly retryMs?: number;
  /**
   * A stream that comes from elsewhere is given up where no chunk comes, and none is consumed, for this long, in
   * milliseconds, or half as long again. Default: 60,000.
   */
  readonly idleTimeoutMs?: number;
  /** How many streams one neighbour may have open to us. Default: 1,000. */
  readonly maxStreamsPerNeighbour?: number;
  /**
   * How much of one stream may wait to be consumed. The window of its sender must fit in: NVFlare 2.9 has 64 MiB.
   * Default: 72 MiB.
   */
  readonly maxUnreadBytes?: number;
  /** How much all streams that come from elsewhere may hold at a time. Default: 1 GiB. */
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
  maxUnreadBytes: 72 * MIB,
  maxHeldBytes: 1_024 * MIB,
};
