import { catchError, EMPTY, type Observable, tap } from 'rxjs';

import { CommError } from '../comm-error.js';
import type { Communicator } from '../communicator.js';
import type { Message } from '../message.js';

/**
 * Sends a message that nobody depends on. An endpoint that is gone, or whose queue is full, does not get it.
 *
 * @returns whether it was sent
 */
export function sendIfPossible(
  communicator: Communicator,
  endpointName: string,
  appId: number,
  message: Message,
): boolean {
  try {
    communicator.send(endpointName, appId, message);
    return true;
  } catch (error) {
    if (error instanceof CommError) return false;
    throw error;
  }
}

/** Emits when the queue of the endpoint has room, and completes; completes without a value when the endpoint goes. */
export function whenRoom(communicator: Communicator, endpointName: string): Observable<unknown> {
  return communicator.drained(endpointName).pipe(catchError(() => EMPTY));
}

/** Sends a message as soon as the queue of the endpoint has room. It is not sent where the endpoint goes before. */
export function sendWhenRoom(
  communicator: Communicator,
  endpointName: string,
  appId: number,
  message: Message,
): Observable<unknown> {
  return whenRoom(communicator, endpointName).pipe(
    tap(() => communicator.send(endpointName, appId, message)),
  );
}
