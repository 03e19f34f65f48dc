import type { Crowd } from './crowd.js';

/** What `npm run bench:scale -- --json` writes. */
export interface ScaleReport extends Crowd {
  /** From the first join to the last. */
  readonly joinSeconds: number;
  readonly joinsPerSecondFirstQuarter: number;
  readonly joinsPerSecondLastQuarter: number;
  /** Of the hub. */
  readonly rssBytesPerEndpoint: number;
  /** Of that, what is on the heap of V8 and what it holds outside. */
  readonly heapBytesPerEndpoint: number;
  /** Of one core, in the hub, with heartbeats on and nothing else to do. */
  readonly idleCpuPercent: number;
  /** One message to each endpoint, over and over, until all have arrived. */
  readonly broadcastMessagesPerSecond: number;
  /** CPU time of the hub for one of these messages. */
  readonly broadcastCpuMicroseconds: number;
  /** The same frame to as many bare sockets; on `mux` to as many connections on as many bare sockets. */
  readonly bareSocketsMessagesPerSecond: number;
  readonly bareSocketsCpuMicroseconds: number;
  /** One message of each endpoint to the hub. */
  readonly sendMessagesPerSecond: number;
  /** From when the hub, which had stopped listening and closed all connections, listens again, until all are back. */
  readonly restartSeconds?: number;
  readonly leaveSeconds: number;
  /** What the hub still has of `rssBytesPerEndpoint` when all have left. */
  readonly rssBytesPerEndpointAfter: number;
  /** The same of `heapBytesPerEndpoint`. */
  readonly heapBytesPerEndpointAfter: number;
}

/** What it writes with `--replicas`. Memory and CPU are those of all replicas together. */
export interface ClusterScaleReport extends Crowd {
  readonly replicas: number;
  readonly replicaTimeoutMs: number;
  /** From the first connection until all are READY at every replica. */
  readonly joinSeconds: number;
  readonly joinsPerSecond: number;
  readonly rssBytesPerEndpoint: number;
  /** Of that, what is on the heaps of V8 and what they hold outside. */
  readonly heapBytesPerEndpoint: number;
  /** Of the NATS server, beside it. */
  readonly natsRssBytesPerEndpoint: number;
  /** One message of one replica to each endpoint, over and over, until all have arrived. */
  readonly broadcastMessagesPerSecond: number;
  readonly broadcastCpuMicroseconds: number;
  /** One message to each endpoint, of each replica to its part of them; in each round it has another part. */
  readonly sendMessagesPerSecond: number;
  readonly sendCpuMicroseconds: number;
  /** The endpoints of the replica that is killed. */
  readonly movedEndpoints: number;
  /** From the kill until all are READY at every replica that lives. The first `replicaTimeoutMs` nobody misses it. */
  readonly healSeconds: number;
}
