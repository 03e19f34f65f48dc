import { EndpointState } from '../endpoint.js';
import type { CommunicatorStats, EndpointStats } from '../stats.js';

/**
 * Bounds the snapshots for one watcher. Of more endpoints than the limit it keeps those with the most bytes since the
 * last snapshot, queued bytes included, the busiest first. Each snapshot is complete in itself, so a lost one costs
 * nothing.
 */
export class Busiest {
  readonly #limit: number;
  #bytes: ReadonlyMap<string, number> = new Map();

  /** Keeps at most `limit` endpoints, and as many connections. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The part of a snapshot that is reported. */
  of(stats: CommunicatorStats): CommunicatorStats {
    const { endpoints, connections } = stats;
    if (Math.max(endpoints.length, connections.length) <= this.#limit) return stats;
    const chosen = this.#choose(endpoints);
    const names = new Set<string | undefined>(chosen.map(({ name }) => name));
    // A connection before its handshake has no name, and comes last.
    const named = connections.filter(({ endpointName }) => names.has(endpointName));
    const strangers = connections.filter(({ endpointName }) => endpointName === undefined);
    return { ...stats, endpoints: chosen, connections: [...named, ...strangers].slice(0, this.#limit) };
  }

  #choose(endpoints: readonly EndpointStats[]): readonly EndpointStats[] {
    const before = this.#bytes;
    this.#bytes = new Map(endpoints.map((endpoint) => [endpoint.name, bytesOf(endpoint)]));
    if (endpoints.length <= this.#limit) return endpoints;
    const ranked = endpoints.map((endpoint) => ({
      endpoint,
      busy: bytesOf(endpoint) - (before.get(endpoint.name) ?? 0) + endpoint.queued.bytes,
      isReady: Number(endpoint.state === EndpointState.READY),
    }));
    ranked.sort((a, b) => b.busy - a.busy || b.isReady - a.isReady);
    return ranked.slice(0, this.#limit).map(({ endpoint }) => endpoint);
  }
}

function bytesOf({ received, sent }: EndpointStats): number {
  return received.bytes + sent.bytes;
}
