import { map, type OperatorFunction } from 'rxjs';

import type { ClusterView } from '../cluster/index.js';
import { CommError, CommErrorCode } from '../comm-error.js';
import type { Communicator } from '../index.js';
import { type ClusterOptions, clusterUrl } from './cluster-options.js';
import type { Output, Printer } from './printer.js';
import { tellUp, workerNumber } from './worker.js';

/**
 * Makes the hub of a command a replica, where the options ask for it. Prints warnings.
 *
 * @throws CommError `NOT_SUPPORTED` where the packages of NATS are not installed; `BAD_CONFIG` for options that cannot be
 */
export async function replicaOf(options: ClusterOptions, printer: Printer): Promise<ClusterView | undefined> {
  const url = clusterUrl(options);
  if (url === undefined) return undefined;
  const [{ cluster }, { hasSecret, natsTarget }] = await loaded(
    Promise.all([import('../cluster/index.js'), import('./nats-options.js')]),
  );
  const { connection, warnings } = natsTarget(url, options);
  const seen =
    options.cluster !== undefined && hasSecret(url)
      ? ['other users of this machine can see the secret in --cluster: give the URL in RXFLARE_CLUSTER']
      : [];
  if ((workerNumber() ?? 1) === 1)
    for (const warning of [...seen, ...warnings])
      printer.print({ event: 'notice', message: `warning: ${warning}` });
  const { clusterName: name = '', clusterTimeout, clusterStorage, clusterStorageReplicas } = options;
  return cluster({
    nats: connection,
    name,
    ...(clusterTimeout === undefined ? {} : { replicaTimeoutMs: clusterTimeout }),
    ...(clusterStorage === undefined ? {} : { storage: clusterStorage }),
    ...(clusterStorageReplicas === undefined ? {} : { storageReplicas: clusterStorageReplicas }),
  });
}

/**
 * Starts a hub. Where the end is requested before it is up, the process ends: a connection to NATS that is being made cannot
 * be given up, and one that does not answer would hold the process.
 *
 * @param ended - resolves when the end is requested
 */
export async function startOrEnd(
  hub: Pick<Communicator, 'start' | 'stop'>,
  ended: Promise<unknown>,
): Promise<void> {
  const isUp = await Promise.race([hub.start().then(() => true), ended.then(() => false)]);
  if (isUp) {
    tellUp();
    return;
  }
  await hub.stop();
  process.exit();
}

/** Says which replica listens. What happens at other workers these print themselves. */
export function withReplica(view: ClusterView | undefined): OperatorFunction<Output, Output> {
  return map((output) =>
    view?.replica === undefined || output.event !== 'listening'
      ? output
      : { ...output, replica: view.replica, pid: process.pid },
  );
}

/** The packages of NATS are optional. */
async function loaded<T>(modules: Promise<T>): Promise<T> {
  try {
    return await modules;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error;
    const install = 'npm install @nats-io/transport-node @nats-io/jetstream @nats-io/kv';
    const message = `--cluster needs packages that are not installed: ${install}`;
    throw new CommError(CommErrorCode.NOT_SUPPORTED, message, { cause: error });
  }
}
