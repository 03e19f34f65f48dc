import type { ClusterStats } from '../stats.js';
import { type Metric, readersOf } from './metric.js';

const TRANSMIT = { 'network.io.direction': 'transmit' };
const RECEIVE = { 'network.io.direction': 'receive' };

/** What only grows, for a replica of a cluster. */
export const CLUSTER_COUNTERS: readonly Metric<ClusterStats>[] = [
  {
    name: 'rxflare.cluster.messages',
    unit: '{message}',
    description: 'Messages between this replica and all others.',
    series: [
      { attributes: TRANSMIT, of: ({ sent }) => sent.messages },
      { attributes: RECEIVE, of: ({ received }) => received.messages },
    ],
  },
  {
    name: 'rxflare.cluster.io',
    unit: 'By',
    description: 'Bytes of these messages, headers included.',
    series: [
      { attributes: TRANSMIT, of: ({ sent }) => sent.bytes },
      { attributes: RECEIVE, of: ({ received }) => received.bytes },
    ],
  },
  {
    name: 'rxflare.cluster.rejected.messages',
    unit: '{message}',
    description: 'Messages of NATS that were dropped, since they were broken or forged.',
    series: [{ attributes: {}, of: ({ rejected }) => rejected }],
  },
];

/** What grows and shrinks, for a replica of a cluster. */
export const CLUSTER_LEVELS: readonly Metric<ClusterStats>[] = [
  {
    name: 'rxflare.cluster.replica.count',
    unit: '{replica}',
    description: 'Replicas that live, as this one knows; itself included.',
    series: [{ attributes: {}, of: ({ replicas }) => replicas.length }],
  },
  {
    name: 'rxflare.cluster.endpoint.count',
    unit: '{endpoint}',
    description: 'Endpoints that are connected to this replica, watchers apart.',
    series: [
      {
        attributes: {},
        of: ({ replica, replicas }) => replicas.find(({ id }) => id === replica)?.endpoints ?? 0,
      },
    ],
  },
  {
    name: 'rxflare.cluster.connection.count',
    unit: '{connection}',
    description: '1 while NATS is there and the endpoints of all replicas are known, else 0.',
    series: [{ attributes: {}, of: ({ isConnected }) => Number(isConnected) }],
  },
];

const COUNTERS = readersOf(CLUSTER_COUNTERS);
const LEVELS = readersOf(CLUSTER_LEVELS);

/** Figures in the order of the metrics and their series, by the ID of the replica; none where there is no cluster. */
export type ClusterFigures = ReadonlyMap<string, readonly number[]>;

/** The figures of a snapshot. A process is one replica, so that there is one series of each for it. */
export function clusterFigures(cluster: ClusterStats | undefined): {
  readonly counters: ClusterFigures;
  readonly levels: ClusterFigures;
} {
  const read = (readers: typeof COUNTERS): ClusterFigures =>
    new Map(cluster && [[cluster.replica, readers.map((of) => of(cluster))]]);
  return { counters: read(COUNTERS), levels: read(LEVELS) };
}
