/**
 * One hub of many processes and machines, on NATS.
 *
 * @module rxflare/cluster
 */

export type { Cluster } from '../cluster-contract.js';
export { cluster, type ClusterView } from './cluster.js';
export type { ClusterEvent } from '../lifecycle.js';
export type { ClusterOptions } from './options.js';
export type { Deliver, DeliverRule } from './spread.js';
export type { ClusterStats, HopStats, ReplicaStats } from '../stats.js';
