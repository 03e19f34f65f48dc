import { type Command, Option } from 'commander';

import { CommError, CommErrorCode } from '../comm-error.js';
import { integer, timeOption } from './arguments.js';
import { isWorker } from './worker.js';

/** The options of a hub about its cluster. Those of NATS have its name. */
export interface ClusterOptions {
  /** Where NATS is. Default: `RXFLARE_CLUSTER` of the environment. */
  readonly cluster?: string;
  readonly clusterName?: string;
  readonly clusterTimeout?: number;
  readonly clusterStorage?: 'file' | 'memory';
  readonly clusterStorageReplicas?: number;
  readonly natsCaCert?: string;
  readonly natsCert?: string;
  readonly natsKey?: string;
  readonly natsCreds?: string;
  readonly natsNkey?: string;
  readonly natsUser?: string;
  readonly natsPasswordFile?: string;
  readonly natsTokenFile?: string;
  /** How many replicas to run in processes of their own. Default: this process is the only one. */
  readonly workers?: number;
  /** The program to run as the NATS server of the workers. Default: the one at `cluster` is there. */
  readonly natsServer?: string;
  readonly natsStore?: string;
}

/** The variable of the environment that `--cluster` can be in, where no other user sees a password. */
export const URL_VARIABLE = 'RXFLARE_CLUSTER';

/** More replicas than this on one machine help nobody. */
const MAX_WORKERS = 256;

/** Adds the options to a command that is a hub. */
export function addClusterOptions(command: Command): Command {
  return command
    .option(
      '--cluster <url>',
      'be a replica of a hub of several, which meet at this NATS: nats://host:4222 or tls://host:4222, several with commas',
    )
    .option('--cluster-name <name>', 'the name of the hub of several, the same at all of its replicas')
    .addOption(
      timeOption('--cluster-timeout', 's', 'a replica silent for that long is gone, 10 s by default', 100),
    )
    .addOption(
      new Option('--cluster-storage <where>', 'where NATS keeps the names').choices(['file', 'memory']),
    )
    .option('--cluster-storage-replicas <n>', 'how many servers of NATS keep them', integer(1, 5))
    .option('--nats-ca-cert <file>', 'CA certificate (PEM) that signs that of NATS')
    .option('--nats-cert <file>', 'own certificate (PEM) for NATS')
    .option('--nats-key <file>', 'key of the own certificate for NATS (PEM)')
    .option('--nats-creds <file>', 'credentials for NATS: a JWT and the seed of its key')
    .option('--nats-nkey <file>', 'seed of a key (nkey) for NATS')
    .option('--nats-user <name>', 'user of NATS; the password is in --nats-password-file or NATS_PASSWORD')
    .option('--nats-password-file <file>', 'password of that user')
    .option('--nats-token-file <file>', 'token for NATS, which may be in NATS_TOKEN')
    .option(
      '--workers <n>',
      'run that many replicas, each in a process, on the same ports',
      integer(1, MAX_WORKERS),
    )
    .option('--nats-server <file>', 'with --workers: run this nats-server for them, in place of --cluster')
    .option('--nats-store <dir>', 'folder for what that nats-server keeps');
}

/** Where NATS is; `undefined` where the hub is of this process alone. */
export function clusterUrl({ cluster }: ClusterOptions): string | undefined {
  const url = cluster ?? process.env[URL_VARIABLE];
  return url === '' ? undefined : url;
}

/** Whether the hub is to be one of several. */
export function isClustered(options: ClusterOptions): boolean {
  return clusterUrl(options) !== undefined || options.natsServer !== undefined;
}

/**
 * Refuses options that do not go together.
 *
 * @param others - options of the command that need one process
 * @throws CommError `BAD_CONFIG`
 */
export function checkClusterOptions(
  options: ClusterOptions,
  others: Readonly<Record<string, boolean>> = {},
): void {
  const { clusterName, workers, natsServer, natsStore } = options;
  const [first] = flagsOf(options);
  if (!isClustered(options)) {
    if (first === undefined) return;
    throw refused(`expected --cluster with ${first}${first === '--workers' ? ', or --nats-server' : ''}`);
  }
  if (clusterName === undefined) throw refused('expected --cluster-name: replicas of one name are one hub');
  if (natsServer !== undefined && workers === undefined)
    throw refused('expected --workers with --nats-server');
  if ((natsServer === undefined) !== (natsStore === undefined))
    throw refused('expected --nats-server and --nats-store together');
  if (natsServer !== undefined && clusterUrl(options) !== undefined && !isWorker())
    throw refused('expected --cluster or --nats-server, got both');
  const [other] = Object.keys(others).filter((flag) => others[flag]);
  if (workers !== undefined && other !== undefined)
    throw refused(`${other} is of one process: give it to a replica without --workers, beside these`);
}

/** What there is of the options, as they are written. */
function flagsOf(options: ClusterOptions): readonly string[] {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const names = given.map(([name]) => name).filter((name) => /^(cluster|nats|workers)/.test(name));
  return names.map((name) => `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
}

function refused(message: string): CommError {
  return new CommError(CommErrorCode.BAD_CONFIG, message);
}
