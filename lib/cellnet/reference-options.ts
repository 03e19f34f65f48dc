/** How a cell pulls arrays that others keep, and keeps arrays for others. */
export interface ReferenceOptions {
  /**
   * Arrays that come by reference stay `RemoteItem`s, for `pull`. Default: false, a message is handed over when its
   * arrays have been pulled.
   */
  readonly lazy?: boolean;
  /**
   * How long the first step of a pull may take, and how long each later one may be silent, since these are streams, in
   * milliseconds. A step is tried four times. Default: 60,000. Range: 1 to 2^31 - 1.
   */
  readonly stepTimeoutMs?: number;
  /**
   * How long a whole pull may take, in milliseconds, whatever the time-out of a request whose reply it makes whole. Default:
   * 3,600,000, an hour. Range: 1 to 2^31 - 1. It ends sooner where answers bring no elements for `stepTimeoutMs`.
   */
  readonly pullTimeoutMs?: number;
  /** How many pulls may go on at a time. Default: 1,000. Range: 0 to Infinity. */
  readonly maxPulls?: number;
  /** How many of them the messages of one neighbour may ask for. Default: 100. Range: 0 to Infinity. */
  readonly maxPullsPerNeighbour?: number;
  /**
   * How many bytes all pulls that go on may hold, with the messages that wait, and those whose handlers have not settled.
   * Default: 2 GiB. Range: 0 to Infinity.
   */
  readonly maxPulledBytes?: number;
  /** How many of them those may hold that messages of one neighbour ask for. Default: 1 GiB. Range: 0 to Infinity. */
  readonly maxPulledBytesPerNeighbour?: number;
  /**
   * Arrays of at least this many bytes are sent by reference, in requests and replies that are streams, to cells that
   * are known to pull: NVFlare from 2.7 on, and rxflare. 0 is for all arrays, as NVFlare does. Default: Infinity, none.
   * Range: 0 to Infinity.
   */
  readonly sendFromBytes?: number;
  /**
   * How long arrays are kept that nobody pulls, in milliseconds, or half as long again: the references of the last 1,000
   * replies to one neighbour, and of the last 1,000 requests to one cell. Default: 300,000. Range: 1 to 2^31 - 1.
   */
  readonly keepMs?: number;
  /** How many bytes are kept for others; beyond it arrays are sent along. Default: 1 GiB. Range: 0 to Infinity. */
  readonly maxKeptBytes?: number;
}

const GIB = 1024 ** 3;

export const REFERENCE_DEFAULTS: Required<ReferenceOptions> = {
  lazy: false,
  stepTimeoutMs: 60_000,
  pullTimeoutMs: 3_600_000,
  maxPulls: 1_000,
  maxPullsPerNeighbour: 100,
  maxPulledBytes: 2 * GIB,
  maxPulledBytesPerNeighbour: GIB,
  sendFromBytes: Number.POSITIVE_INFINITY,
  keepMs: 300_000,
  maxKeptBytes: GIB,
};
