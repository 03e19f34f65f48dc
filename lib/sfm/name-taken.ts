import { CommError, CommErrorCode } from '../comm-error.js';
import type { Session } from './session.js';

/** Why a newcomer is refused under `duplicateName: 'incumbent'`. */
export function nameTaken({ connection }: Session, endpointName: string): CommError {
  const { name, properties } = connection;
  return new CommError(
    CommErrorCode.NOT_READY,
    `the name ${endpointName} is taken by ${name} (${properties.peer_addr}), which lives, and duplicateName is 'incumbent'`,
    { detail: 'name-taken' },
  );
}
