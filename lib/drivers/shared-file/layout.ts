import { join } from 'node:path';

/*
 * The names of a shared directory, as NVFlare 2.9 has them (`file_driver.py`):
 *
 *   <dir>/lease                       touched by the listener
 *   <dir>/.nvf_file_transport         the directory was made by `resolveUrls`, and may be removed
 *   <dir>/conns/<connection>/         made by the active side as `.<connection>`, renamed when complete
 *       active.N.log, passive.N.log   frames back to back, written by the side they are named for
 *       active.N.sealed, ...          the final size of log N in decimal: N + 1 has begun
 *       active.lease, passive.lease   touched by the side they are named for
 *       closed                        one side has ended; all its frames are in the log
 */

/** Who writes a file: the side that connects, or the one that listens. */
export type Side = 'active' | 'passive';

/** The directory of all connections, in the listener's. */
export const CONNECTIONS_DIRECTORY = 'conns';

/** The listener's lease. */
export const LISTENER_LEASE = 'lease';

/** How directories begin that `resolveUrls` makes. */
export const LISTENER_PREFIX = 'lst_';

/** In each directory that `resolveUrls` made. No other is ever removed. */
export const OWNER_MARKER = '.nvf_file_transport';

/** A connection directory is not complete while its name begins so. */
export const HIDDEN_PREFIX = '.';

/** The end of a connection. */
export const CLOSED_MARKER = 'closed';

const CONNECTION_FILE = /^(closed|(active|passive)\.(lease|\d+\.(log|sealed|sealed\.tmp)))$/;

/** The side across. */
export function otherSide(side: Side): Side {
  return side === 'active' ? 'passive' : 'active';
}

/** Log number `index` of a side. */
export function logPath(directory: string, side: Side, index: number): string {
  return join(directory, `${side}.${index}.log`);
}

/** Where the final size of that log is written. */
export function sealPath(directory: string, side: Side, index: number): string {
  return join(directory, `${side}.${index}.sealed`);
}

/** The lease of a side. */
export function leasePath(directory: string, side: Side): string {
  return join(directory, `${side}.lease`);
}

/** The mark of the end. */
export function closedPath(directory: string): string {
  return join(directory, CLOSED_MARKER);
}

/** Whether a file of this name belongs in a connection directory. */
export function isConnectionFile(name: string): boolean {
  return CONNECTION_FILE.test(name);
}
