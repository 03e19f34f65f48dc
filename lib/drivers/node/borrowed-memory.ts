import { allocateUnsafe } from './allocate-unsafe.js';

/** What one write takes at most, and so the size of what is lent. */
const LENT_BYTES = 1024 * 1024;

/** More than this many are let go when they come back: few writes are on their way at one time. */
const MAX_FREE = 4;

const free: Uint8Array[] = [];

/** Memory for one write. It is old memory where that can be: new memory costs as much as filling it. */
export function borrowMemory(bytes: number): Uint8Array {
  return (bytes <= LENT_BYTES ? free.pop() : undefined) ?? allocateUnsafe(Math.max(bytes, LENT_BYTES));
}

/** Gives it back. Nobody may read or write it any more. */
export function returnMemory(memory: Uint8Array): void {
  if (memory.length === LENT_BYTES && free.length < MAX_FREE) free.push(memory);
}
