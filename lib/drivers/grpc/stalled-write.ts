import type { Socket } from 'node:net';

import { interval, type Subscription } from 'rxjs';

/** How often a socket with a pending write is read. */
const STALL_MS = 10;

interface Internals {
  readonly _handle?: { readStart?(): number } | null;
}

/**
 * Reads from a socket while a write is pending, which HTTP/2 in Node does not do (seen in Node 20). Without it, two such
 * peers that send more than the socket buffers hold wait for each other for ever. And if TLS finds that the peer was
 * killed, the write may never end, and no event reports that the peer is gone. Reading again is harmless.
 *
 * @param isWriting - polled; the watch ends when it returns false
 */
export function watchWrites(socket: Socket, isWriting: () => boolean): Subscription {
  const looking = interval(STALL_MS).subscribe(() => {
    if (isWriting()) (socket as Internals)._handle?.readStart?.();
    else looking.unsubscribe();
  });
  return looking;
}
