import { type OnReadOpts, Socket } from 'node:net';

/** What Node has behind a socket, as far as it matters here; the type names no more than what is looked at. */
interface Internals {
  _handle?: { readonly useUserBuffer?: unknown } | null;
}

/**
 * Gives an accepted socket an `onread`. Node takes one for a socket that is made, but not for one that a server
 * accepts; so a new socket is made for the connection, and the accepted one is left empty. On a runtime where that
 * cannot be done, it returns the accepted socket.
 *
 * @param accepted - by a server with `pauseOnConnect`, so that nothing was read yet
 */
export function readInPlace(accepted: Socket, onread: OnReadOpts): Socket {
  const internals = accepted as Internals;
  const { _handle: handle } = internals;
  if (typeof handle?.useUserBuffer !== 'function') return accepted;
  internals._handle = null;
  const socket = new Socket({ handle, onread } as ConstructorParameters<typeof Socket>[0]);
  accepted.destroy();
  return socket.pause();
}
