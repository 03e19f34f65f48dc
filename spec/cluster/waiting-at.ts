import type { Communicator } from '../../lib/index.js';

/** Bytes that wait at a replica for full connections of its endpoints. */
export function waitingAt(hub: Communicator): number {
  const { connections, endpoints } = hub.stats();
  const queued = endpoints.reduce((sum, { queued: { bytes } }) => sum + bytes, 0);
  return queued - connections.reduce((sum, { buffered: { bytes } }) => sum + bytes, 0);
}
