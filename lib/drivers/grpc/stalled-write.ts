import type { Socket } from 'node:net';

import { interval, type Subscription } from 'rxjs';

/** How long a write may take until its socket is read from. */
const STALL_MS = 10;

interface Internals {
  readonly _handle?: { readStart?(): number } | null;
}

/**
 * Reads from a socket while a write is on its way, which HTTP/2 in Node does not (seen in Node 20). Two such peers that
 * send more at once than the socket buffers between them can hold wait for each other for ever. And where TLS finds
 * that the peer was killed, the write may never end: then nothing would tell that the peer has gone. One call is
 * enough for each write, and further ones are harmless.
 *
 * @param isWriting - asked from time to time; when it says no, the watch has ended
 */
export function watchWrites(socket: Socket, isWriting: () => boolean): Subscription {
  const looking = interval(STALL_MS).subscribe(() => {
    if (isWriting()) (socket as Internals)._handle?.readStart?.();
    else looking.unsubscribe();
  });
  return looking;
}
