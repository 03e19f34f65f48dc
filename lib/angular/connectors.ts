import type { Communicator } from '../communicator.js';
import { Mode } from '../transport/driver.js';

/** How to connect again, for each communicator that connects. */
const RECONNECTS = new WeakMap<Communicator, () => void>();

/**
 * Adds a connector for each URL, which {@link reconnect} replaces.
 *
 * @returns ends that
 */
export function connectTo(communicator: Communicator, urls: readonly string[]): () => void {
  const connect = (): string[] => urls.map((url) => communicator.addConnector(url, Mode.ACTIVE));
  let handles = connect();
  RECONNECTS.set(communicator, () => {
    if (handles.length === 0) return; // One is under way.
    const removed = handles.map((handle) => communicator.removeConnector(handle));
    handles = [];
    void Promise.all(removed).then(() => {
      if (RECONNECTS.has(communicator)) handles = connect();
    });
  });
  return () => void RECONNECTS.delete(communicator);
}

/** Removes the connectors and adds them again; nothing for a communicator that has none of {@link connectTo}. */
export function reconnect(communicator: Communicator): void {
  RECONNECTS.get(communicator)?.();
}
