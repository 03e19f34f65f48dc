import { catchError, EMPTY, type Observable, tap } from 'rxjs';

import { CommError } from '../comm-error.js';
import type { Communicator } from '../communicator.js';
import type { Message } from '../message.js';

/** Sends what nobody depends on: an endpoint that has gone, or has no room, goes without. Tells whether it was sent. */
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

/** Calls `send` as soon as the endpoint has room, and completes then; or when it goes, without having called it. */
export function whenRoom(
  communicator: Communicator,
  endpointName: string,
  send: () => void,
): Observable<void> {
  return communicator.drained(endpointName).pipe(
    catchError(() => EMPTY),
    tap(send),
  );
}
