import type { NatsConnection, NodeConnectionOptions } from '@nats-io/transport-node';

import { CommError, CommErrorCode } from '../comm-error.js';
import { LONGEST_TIMER_MS } from '../longest-timer.js';
import { requireAppId } from '../message.js';
import { quoted } from '../quoted.js';
import type { DeliverRule } from './spread.js';
import { type Range, requireOptions } from '../require-options.js';

/** Options of {@link cluster}. Those but `nats` and `name` may be left out. */
export interface ClusterOptions {
  /**
   * The NATS server: options of `connect` of `@nats-io/transport-node`, such as `servers`, `tls` and `authenticator`, for a
   * connection that the cluster opens and closes; or a connection of yours, which stays open.
   */
  readonly nats: NatsConnection | NodeConnectionOptions;
  /** The name of the cluster: at most 200 of `A-Z a-z 0-9 _ -`. All replicas have the same. Clusters of other names do not meet. */
  readonly name: string;
  /**
   * A replica that is silent for this time is gone: its endpoints are DISCONNECTED at the others, and may connect there.
   * The same at all replicas: another one is refused. Default: 10,000. Range: 100 to 2^31 - 1.
   */
  readonly replicaTimeoutMs?: number;
  /**
   * Where NATS keeps the names of the endpoints: `file` survives a restart of NATS; after one of `memory` each replica writes
   * its own again. Taken when the bucket is made: a replica that starts with another one is refused. Default: `file`.
   */
  readonly storage?: 'file' | 'memory';
  /**
   * Which replicas get the messages of sites, by app ID: see {@link Deliver}. A function decides for each message.
   * Default: `local`; of app ID 1, which cells use, answers to the cell of the hub go to the replica that they are for.
   */
  readonly deliver?: Readonly<Record<number, DeliverRule>>;
  /** How many servers of a NATS cluster keep them. Default: 1. Range: 1 to 5. */
  readonly storageReplicas?: number;
}

/** Options with nothing left out. */
export type ResolvedClusterOptions = Required<ClusterOptions>;

const DEFAULTS: ResolvedClusterOptions = {
  nats: {},
  name: '',
  replicaTimeoutMs: 10_000,
  storage: 'file',
  storageReplicas: 1,
  deliver: {},
};

const RANGES: Readonly<Record<string, Range>> = {
  replicaTimeoutMs: [100, LONGEST_TIMER_MS],
  storageReplicas: [1, 5, 'integer'],
};

/** Fills in the defaults. @throws CommError `BAD_CONFIG` for an option that cannot be */
export function resolveClusterOptions(options: ClusterOptions): ResolvedClusterOptions {
  if (typeof (options as Partial<ClusterOptions> | undefined)?.nats === 'string')
    throw badOption('nats', 'expected { servers: … } or a connection, got a string');
  requireOptions(options, DEFAULTS, 'cluster', RANGES);
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const resolved = { ...DEFAULTS, ...Object.fromEntries(given) } as ResolvedClusterOptions;
  if (!/^[A-Za-z0-9_-]{1,200}$/.test(resolved.name))
    throw badOption('name', `expected at most 200 of A-Z a-z 0-9 _ -, got ${quoted(resolved.name)}`);
  if (!['file', 'memory'].includes(resolved.storage))
    throw badOption('storage', `expected 'file' or 'memory', got ${JSON.stringify(resolved.storage)}`);
  for (const [appId, rule] of Object.entries(resolved.deliver) as [string, unknown][]) {
    if (!/^\d+$/.test(appId))
      throw badOption('deliver', `expected app IDs as keys, got ${JSON.stringify(appId)}`);
    requireAppId(Number(appId));
    if (typeof rule !== 'function' && !['local', 'one', 'every'].includes(rule as string))
      throw badOption('deliver', `app ID ${appId}: expected 'local', 'one', 'every' or a function`);
  }
  return resolved;
}

/** Whether it is a connection, and not options for one. */
export function isConnection(nats: ClusterOptions['nats']): nats is NatsConnection {
  return typeof (nats as Partial<NatsConnection>).publish === 'function';
}

function badOption(name: string, detail: string): CommError {
  return new CommError(CommErrorCode.BAD_CONFIG, `cluster: option ${name}: ${detail}`);
}
