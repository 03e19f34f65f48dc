/** How a stream of frames ends. */
export interface StreamEnd {
  /** A length cannot be right. */
  readonly isBroken: boolean;
  /** Bytes of a frame that is not all there. */
  readonly restBytes: number;
}

/**
 * Cuts a whole stream into frames, as plainly as can be.
 *
 * @param limit - the largest frame that may come next
 * @param take - is given each frame
 */
export function referenceSplit(
  bytes: Uint8Array,
  limit: () => number,
  take: (frame: Uint8Array) => void,
): StreamEnd {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  while (bytes.length - at >= 16) {
    const length = view.getUint32(at);
    if (length < 16 || length > limit()) return { isBroken: true, restBytes: 0 };
    if (length > bytes.length - at) break;
    take(bytes.subarray(at, at + length));
    at += length;
  }
  return { isBroken: false, restBytes: bytes.length - at };
}
