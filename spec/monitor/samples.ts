import type { ClusterStats } from '../../lib/cluster/index.js';
import {
  type CommunicatorStats,
  type ConnectionStats,
  EndpointState,
  type EndpointStats,
} from '../../lib/index.js';
import type { ReportedEvent } from '../../lib/monitor/reported-event.js';

const NONE = { messages: 0, bytes: 0 };

/** The stats of an endpoint without traffic. */
export function endpointStats(name: string, fields: Partial<EndpointStats> = {}): EndpointStats {
  const sendTimes = { count: 0, sumMs: 0, maxMs: 0, bins: [0, 0] };
  return {
    name,
    state: EndpointState.READY,
    sent: NONE,
    received: NONE,
    queued: NONE,
    undelivered: NONE,
    unknown: NONE,
    unclaimed: NONE,
    sendTimes,
    ...fields,
  };
}

/** The stats of a connection without traffic; of a stranger where `endpointName` is `undefined`. */
export function connectionStats(endpointName?: string): ConnectionStats {
  return {
    name: 'CN00001',
    handle: 'CH00001',
    scheme: 'tcp',
    ...(endpointName === undefined ? {} : { endpointName }),
    localAddr: '127.0.0.1:8002',
    peerAddr: '127.0.0.1:50000',
    sent: NONE,
    received: NONE,
    buffered: NONE,
    pendingBytes: 0,
    isPaused: false,
  };
}

/** A snapshot of a communicator with one connection for each endpoint. */
export function snapshot(...endpoints: readonly EndpointStats[]): CommunicatorStats {
  return { name: 'hub', at: 1, endpoints, connections: endpoints.map(({ name }) => connectionStats(name)) };
}

/** A cluster of three replicas, told by `hub-a`: traffic goes from it to `hub-b`, and from that to `hub-c`. */
export function clusterStats(fields: Partial<ClusterStats> = {}): ClusterStats {
  const replica = (id: string, endpoints: number, ...to: readonly string[]) => ({
    id,
    isClosing: id === 'hub-c',
    endpoints,
    sentTo: to.map((other) => ({ to: other, messages: 12, bytes: 3_400 })),
  });
  return {
    name: 'fl',
    replica: 'hub-a',
    isConnected: true,
    rejected: 0,
    sent: { messages: 12, bytes: 3_400 },
    received: NONE,
    replicas: [replica('hub-a', 40, 'hub-b'), replica('hub-b', 41, 'hub-c'), replica('hub-c', 2)],
    ...fields,
  };
}

/** An event of which only the number matters. */
export function event(number: number): ReportedEvent {
  return { at: number, type: 'endpoint', text: `event ${number}` };
}
