/** What can go wrong on the way between two endpoints. */
export type Fault =
  /** Both ends are told that the other one has finished (FIN). What is under way is lost. */
  | { readonly type: 'cut' }
  /** Both ends are told that the connection is gone (RST). What is under way is lost. */
  | { readonly type: 'reset' }
  /** Nothing gets through any more, not even an end, and nobody is told. */
  | { readonly type: 'half-open' }
  /** One byte is inverted: the one that comes after `offset` more bytes, or any of the next chunk. */
  | { readonly type: 'corrupt'; readonly direction: Direction; readonly offset?: number }
  /** New connections are refused, until `accept` or for so long. */
  | { readonly type: 'refuse'; readonly ms?: number }
  | LastingFault;

/** What lasts until it is healed, and changes nothing but the time and the size of the pieces. */
export type LastingFault =
  | { readonly type: 'delay'; readonly ms: number }
  /** In each direction. */
  | { readonly type: 'throttle'; readonly bytesPerSecond: number }
  /** Pieces of a random size, at most so long. 1 is byte by byte. */
  | { readonly type: 'split'; readonly maxBytes: number };

/** From the side that connects to the listener, or back. */
export type Direction = 'up' | 'down';

/** What holds for each byte on its way. */
export interface Conditions {
  readonly delayMs: number;
  readonly bytesPerSecond: number;
  /** `Infinity` leaves the pieces as they come. */
  readonly maxPieceBytes: number;
}

/** A good line. */
export const NO_FAULT: Conditions = { delayMs: 0, bytesPerSecond: Infinity, maxPieceBytes: Infinity };

/** Adds a lasting fault to those that are there. */
export function worsen(conditions: Conditions, fault: LastingFault): Conditions {
  switch (fault.type) {
    case 'delay':
      return { ...conditions, delayMs: fault.ms };
    case 'throttle':
      return { ...conditions, bytesPerSecond: fault.bytesPerSecond };
    case 'split':
      return { ...conditions, maxPieceBytes: fault.maxBytes };
  }
}
