import type { Cluster, Replica, ReplicaHost } from '../cluster-contract.js';
import { CommError, CommErrorCode } from '../comm-error.js';
import type { ClusterStats } from '../stats.js';
import { NatsReplica } from './nats-replica.js';
import { type ClusterOptions, type ResolvedClusterOptions, resolveClusterOptions } from './options.js';

/** What a replica knows of its cluster. */
export interface ClusterView extends Cluster {
  /** The ID of this replica; `undefined` before the communicator is made. */
  readonly replica: string | undefined;
  /** The IDs of the other replicas that live. */
  readonly replicas: readonly string[];
  /** Whether NATS is there, and all endpoints of the others are known. */
  readonly isConnected: boolean;
  /** How many messages of NATS were dropped since they were broken or forged. */
  readonly rejected: number;
  /**
   * All replicas, how many endpoints each has, and the traffic between them; `undefined` before the communicator is made.
   * The same as `cluster` in `stats()` of the communicator.
   */
  stats(): ClusterStats | undefined;
}

/**
 * Makes a communicator one replica of a hub that has several, behind a load balancer say. For its application nothing
 * changes: it sees the endpoints of all replicas, and sends to them. All replicas have the same local endpoint name.
 *
 * `start` joins the cluster first, and rejects with a CommError where it cannot: `NOT_READY` where NATS is not reachable,
 * `NOT_SUPPORTED` where it has no JetStream or is older than 2.11, `REFUSED` where it does not let us in, `BAD_CONFIG` where
 * it does not take the options, or another replica has others, `TIMEOUT` where it does not answer, `CLOSED` where `stop`
 * comes first.
 *
 * @throws CommError `BAD_CONFIG` for an option that cannot be
 */
export function cluster(options: ClusterOptions): ClusterView {
  return new NatsCluster(resolveClusterOptions(options));
}

class NatsCluster implements ClusterView {
  readonly #options: ResolvedClusterOptions;
  #replica: NatsReplica | undefined;

  constructor(options: ResolvedClusterOptions) {
    this.#options = options;
  }

  get replica(): string | undefined {
    return this.#replica?.id;
  }

  get replicas(): readonly string[] {
    return this.#replica?.replicas ?? [];
  }

  get isConnected(): boolean {
    return this.#replica?.isConnected ?? false;
  }

  get rejected(): number {
    return this.#replica?.rejected ?? 0;
  }

  stats(): ClusterStats | undefined {
    return this.#replica?.stats();
  }

  join(host: ReplicaHost): Replica {
    if (this.#replica !== undefined)
      throw new CommError(
        CommErrorCode.BAD_CONFIG,
        'cluster: one communicator only: call cluster() for each',
      );
    this.#replica = new NatsReplica(this.#options, host);
    return this.#replica;
  }
}
