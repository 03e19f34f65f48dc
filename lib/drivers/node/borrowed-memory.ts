import { allocateUnsafe } from './allocate-unsafe.js';

/** The largest write, and so the size of the buffers. */
const LENT_BYTES = 1024 * 1024;

/** Returned buffers that are kept for reuse. Few writes are in flight at one time. */
const MAX_FREE = 4;

const free: Uint8Array[] = [];

/** Memory for one write. Reuses a returned buffer if one is free: a fresh allocation costs as much as filling it. */
export function borrowMemory(bytes: number): Uint8Array {
  return (bytes <= LENT_BYTES ? free.pop() : undefined) ?? allocateUnsafe(Math.max(bytes, LENT_BYTES));
}

/** Returns a buffer for reuse. The caller must not read or write it any more. */
export function returnMemory(memory: Uint8Array): void {
  if (memory.length === LENT_BYTES && free.length < MAX_FREE) free.push(memory);
}
