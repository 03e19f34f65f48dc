import { addTallies, type ClusterStats, NOTHING, type ReplicaStats, type Tally } from '../stats.js';
import { bytes, count } from './figures.js';
import { cut, printable } from './printable.js';
import { type Column, tableLines } from './table-lines.js';

/** Messages between replicas are in all, since what others tell is as old as their last sign of life. */
const COLUMNS: readonly Column<ReplicaStats, ClusterStats>[] = [
  { title: 'REPLICA', align: 'left', rank: 0, cell: ({ id }) => id },
  {
    title: 'STATE',
    align: 'left',
    rank: 2,
    cell: ({ id, isClosing }, { replica }) => (isClosing ? 'CLOSING' : id === replica ? 'this one' : 'READY'),
  },
  { title: 'ENDPOINTS', align: 'right', rank: 1, cell: ({ endpoints }) => count(endpoints) },
  {
    title: 'FROM OTHERS msg',
    align: 'right',
    rank: 3,
    cell: ({ id }, cluster) => count(receivedBy(id, cluster).messages),
  },
  { title: 'B', align: 'right', rank: 5, cell: ({ id }, cluster) => bytes(receivedBy(id, cluster).bytes) },
  {
    title: 'TO OTHERS msg',
    align: 'right',
    rank: 4,
    cell: ({ sentTo }) => count(sentTo.reduce(addTallies, NOTHING).messages),
  },
  {
    title: 'B',
    align: 'right',
    rank: 6,
    cell: ({ sentTo }) => bytes(sentTo.reduce(addTallies, NOTHING).bytes),
  },
];

/** The lines on a cluster: at most `height`, from 3. Where there are more replicas, those with the most endpoints. */
export function clusterLines(cluster: ClusterStats, width: number, height: number): readonly string[] {
  const { replicas } = cluster;
  const room = height - 2;
  const biggest = replicas.toSorted((a, b) => b.endpoints - a.endpoints).slice(0, room);
  const shown = replicas.length <= room ? replicas : biggest;
  const rest = shown.length < replicas.length ? `; the biggest ${shown.length}:` : '';
  const rejected = `${count(cluster.rejected)} messages rejected`;
  const head = `cluster ${clusterSummary(cluster)}, ${rejected}${rest}`;
  return [cut(head, width), ...tableLines(COLUMNS, shown, cluster, width)];
}

/** A cluster in a few words: its name, how many replicas live, and whether NATS is there. */
export function clusterSummary({ name, replicas, isConnected }: ClusterStats): string {
  return `${printable(name)}: ${replicas.length} replicas, NATS ${isConnected ? 'connected' : 'away'}`;
}

function receivedBy(id: string, { replicas }: ClusterStats): Tally {
  return replicas
    .flatMap(({ sentTo }) => sentTo.filter(({ to }) => to === id))
    .reduce<Tally>(addTallies, NOTHING);
}
