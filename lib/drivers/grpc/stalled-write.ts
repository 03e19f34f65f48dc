import type { Socket } from 'node:net';

import { interval, type Subscription } from 'rxjs';

/** How long a write may take until its socket is looked at. */
const STALL_MS = 1_000;

interface Internals {
  readonly _handle?: { readStart?(): number } | null;
}

/**
 * Looks at a socket while a write is on its way. HTTP/2 in Node does not read while it writes, and where TLS finds
 * that the peer was killed, the write may never end (seen in Node 20): then nothing would tell that the peer has gone.
 * To read shows it, and is harmless otherwise.
 *
 * @param isWriting - asked from time to time; when it says no, the looking has ended
 */
export function watchWrites(socket: Socket, isWriting: () => boolean): Subscription {
  const looking = interval(STALL_MS).subscribe(() => {
    if (isWriting()) (socket as Internals)._handle?.readStart?.();
    else looking.unsubscribe();
  });
  return looking;
}
