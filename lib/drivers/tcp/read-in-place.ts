import { type OnReadOpts, Socket } from 'node:net';

/** The internals of a Node socket that are used here. */
interface Internals {
  _handle?: { readonly useUserBuffer?: unknown } | null;
}

/**
 * Gives an accepted socket an `onread`. Node takes that option only when a socket is created, not when a server accepts
 * one. So this moves the handle to a new socket, and the accepted socket is left empty. On a runtime without such a
 * handle it returns the accepted socket.
 *
 * @param accepted - a socket of a server with `pauseOnConnect`, so that nothing was read yet
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
