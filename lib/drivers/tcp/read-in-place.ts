import type { OnReadOpts, Socket } from 'node:net';

/** The internals of a Node socket that are used here. */
interface Internals {
  readonly _handle?: { useUserBuffer?(memory: Uint8Array): void } | null;
}

/**
 * Gives an accepted socket an `onread`, in the clear or under TLS, and pauses it. Node takes that option only when a
 * socket is created, and not when a server accepts one, so this sets what the constructor would have set (`lib/net.js`
 * of Node). On a runtime that has nothing of the kind the socket emits `data`.
 *
 * @param socket - one that was not read from yet
 */
export function readInPlace(socket: Socket, onread: OnReadOpts): void {
  const { buffer } = onread;
  const { _handle: handle } = socket as unknown as Internals;
  const slots = Object.getOwnPropertySymbols(socket);
  const [memorySlot, makeSlot, callbackSlot] = ['kBuffer', 'kBufferGen', 'kBufferCb'].map((name) =>
    slots.find(({ description }) => description === name),
  );
  const hasSlots = memorySlot !== undefined && makeSlot !== undefined && callbackSlot !== undefined;
  if (hasSlots && typeof handle?.useUserBuffer === 'function') {
    const make = typeof buffer === 'function' ? buffer : () => buffer;
    const memory = make();
    handle.useUserBuffer(memory);
    const callback: typeof onread.callback = (bytes, read) => onread.callback(bytes, read);
    Object.assign(socket, { [memorySlot]: memory, [makeSlot]: make, [callbackSlot]: callback });
  }
  // A socket under TLS that reads in place stops reading only now.
  socket.pause();
}
