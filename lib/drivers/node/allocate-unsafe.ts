import { frameMemory } from '../../wire/frame-memory.js';

/** Allocates memory without clearing it. The caller must write all of it before anybody else reads it. */
export function allocateUnsafe(bytes: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
}

/** Memory for a frame that is put together from chunks, which may be used again later. */
export function allocateFrame(bytes: number): Uint8Array {
  return frameMemory.take(bytes, allocateUnsafe);
}
