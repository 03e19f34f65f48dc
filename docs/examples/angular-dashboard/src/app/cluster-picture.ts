import type { CommunicatorStats, Tally } from 'rxflare';

/** How far back the rates look: more than one sign of life, by which replicas tell what they send to each other. */
const SPAN_MS = 10_000;

/** What went from one replica to another, or to several. */
export interface Flow {
  /** Messages and bytes a second, over the last ten. */
  readonly rate: Tally;
  readonly inAll: Tally;
}

/** One replica as its table shows it. */
export interface ReplicaRow {
  readonly id: string;
  /** The one that this page is connected to. */
  readonly isHere: boolean;
  readonly isClosing: boolean;
  readonly endpoints: number;
  /** To it, of all other replicas. */
  readonly received: Flow;
  /** From it, to all other replicas. */
  readonly sent: Flow;
}

/** The traffic from one replica to another. */
export interface HopRow extends Flow {
  readonly from: string;
  readonly to: string;
}

/** The cluster at one moment, and what its rates are calculated from. */
export interface ClusterPicture {
  readonly name: string;
  /** The ID of the replica that this page is connected to. */
  readonly here: string;
  readonly isConnected: boolean;
  readonly rejected: number;
  readonly replicas: readonly ReplicaRow[];
  /** The busiest first. */
  readonly hops: readonly HopRow[];
  /** The last snapshots, the oldest first. */
  readonly past: readonly Snapshot[];
}

type ClusterStats = NonNullable<CommunicatorStats['cluster']>;

interface Snapshot {
  readonly at: number;
  readonly stats: ClusterStats;
}

const NONE: Tally = { messages: 0, bytes: 0 };
const NO_FLOW: Flow = { rate: NONE, inAll: NONE };

/** The picture of a cluster after a report; `undefined` where the hub is no replica of one. */
export function advanceCluster(
  before: ClusterPicture | undefined,
  stats: ClusterStats | undefined,
  at: number,
): ClusterPicture | undefined {
  if (stats === undefined) return undefined;
  // Another replica counts for itself.
  const known = before?.here === stats.replica ? before.past.filter((each) => each.at > at - SPAN_MS) : [];
  const past = [...known, { at, stats }];
  const hops = hopsOf(past);
  return {
    name: stats.name,
    here: stats.replica,
    isConnected: stats.isConnected,
    rejected: stats.rejected,
    replicas: stats.replicas.map(({ id, isClosing, endpoints }) => ({
      id,
      isHere: id === stats.replica,
      isClosing,
      endpoints,
      received: hops.filter(({ to }) => to === id).reduce(addFlows, NO_FLOW),
      sent: hops.filter(({ from }) => from === id).reduce(addFlows, NO_FLOW),
    })),
    hops,
    past,
  };
}

function hopsOf(past: readonly Snapshot[]): readonly HopRow[] {
  const [oldest, newest] = [past[0], past.at(-1)];
  if (oldest === undefined || newest === undefined) return [];
  const seconds = (newest.at - oldest.at) / 1_000;
  return newest.stats.replicas
    .flatMap(({ id: from, sentTo }) => {
      const then = oldest.stats.replicas.find(({ id }) => id === from)?.sentTo;
      return sentTo.map(({ to, messages, bytes }): HopRow => {
        const inAll = { messages, bytes };
        // Of a replica that was not known before, nobody knows since when.
        const start = then === undefined ? inAll : (then.find((hop) => hop.to === to) ?? NONE);
        return { from, to, rate: perSecond(inAll, start, seconds), inAll };
      });
    })
    .sort((a, b) => b.rate.bytes - a.rate.bytes || b.inAll.bytes - a.inAll.bytes);
}

/** A replica that had lost sight of another counts anew. */
function perSecond(now: Tally, then: Tally, seconds: number): Tally {
  if (seconds <= 0) return NONE;
  return {
    messages: Math.max(0, now.messages - then.messages) / seconds,
    bytes: Math.max(0, now.bytes - then.bytes) / seconds,
  };
}

function addFlows(one: Flow, other: Flow): Flow {
  return { rate: add(one.rate, other.rate), inAll: add(one.inAll, other.inAll) };
}

function add(one: Tally, other: Tally): Tally {
  return { messages: one.messages + other.messages, bytes: one.bytes + other.bytes };
}
