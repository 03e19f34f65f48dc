import { type Observable, switchMap } from 'rxjs';

import type { Connection } from '../../transport/connection.js';
import type { DriverParams } from '../../transport/driver.js';
import { ActiveConnection } from './active-connection.js';
import { openSession } from './open-session.js';

/** Connects once, by the contract of `Driver.connect`. */
export function connectGrpc(params: DriverParams): Observable<Connection> {
  return openSession(params).pipe(switchMap((session) => new ActiveConnection(session).lifetime()));
}
