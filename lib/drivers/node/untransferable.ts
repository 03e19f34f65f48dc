import { markAsUntransferable } from 'node:worker_threads';

/**
 * Keeps a receiver from transferring memory that is not its alone: `postMessage` copies it (Node 20), or refuses. Does
 * nothing on a runtime that cannot.
 */
export const keepFromTransfer: (memory: ArrayBufferLike) => void = canMark()
  ? markAsUntransferable
  : () => undefined;

function canMark(): boolean {
  try {
    markAsUntransferable(new ArrayBuffer(1));
    return true;
  } catch {
    return false;
  }
}
