import type { CommunicatorStats } from '../stats.js';

/** The part of a snapshot that is about the endpoints with a text in their name, whatever its case; no watchers. */
export function foundIn(stats: CommunicatorStats, text: string): CommunicatorStats {
  const wanted = text.toLowerCase();
  const endpoints = stats.endpoints.filter(
    ({ name, isWatcher }) => isWatcher === undefined && name.toLowerCase().includes(wanted),
  );
  const names = new Set<string | undefined>(endpoints.map(({ name }) => name));
  const connections = stats.connections.filter(({ endpointName }) => names.has(endpointName));
  return { ...stats, endpoints, connections };
}
