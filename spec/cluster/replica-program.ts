import { cluster, type ClusterStats } from '../../lib/cluster/index.js';
import { Communicator, type CommunicatorOptions, Endpoint, Mode } from '../../lib/index.js';
import { waitingAt } from './waiting-at.js';

/** What a replica in a process of its own is made with. */
export interface ReplicaSettings {
  readonly server: string;
  readonly name: string;
  readonly replicaTimeoutMs: number;
  readonly options?: CommunicatorOptions;
}

/** What it tells of itself. */
export interface ReplicaReport {
  readonly url: string;
  readonly id: string;
  readonly isConnected: boolean;
  /** Names, states, and where they are. */
  readonly endpoints: readonly (readonly [name: string, state: string, replica: string | null])[];
  readonly connections: number;
  readonly cluster: ClusterStats | undefined;
  /** Bytes that wait for full connections. */
  readonly waiting: number;
}

/** Runs a replica, and answers each message of the parent with a report; `stop` stops it first. */
async function run({ server, name, replicaTimeoutMs, options }: ReplicaSettings): Promise<void> {
  const view = cluster({ nats: { servers: server }, name, replicaTimeoutMs });
  const hub = new Communicator(new Endpoint('server'), { ...options, cluster: view });
  hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
  let url = '';
  hub.lifecycle$.subscribe((event) => {
    if (event.type === 'listening') ({ url } = event);
  });
  await hub.start();
  let endpoints: ReplicaReport['endpoints'] = [];
  hub.endpoints$.subscribe((now) => {
    endpoints = [...now.values()].map(({ name, state, connProps }) => [
      name,
      state,
      (connProps.replica as string | undefined) ?? null,
    ]);
  });
  const tell = (): void => {
    const { replica: id = '', isConnected } = view;
    const { connections, cluster: seen } = hub.stats();
    process.send?.({
      url,
      id,
      isConnected,
      endpoints,
      connections: connections.length,
      cluster: seen,
      waiting: waitingAt(hub),
    } satisfies ReplicaReport);
  };
  process.on('message', (message) => {
    if (message === 'stop') void hub.stop().then(tell);
    else tell();
  });
  tell();
}

void run(JSON.parse(process.argv[2] ?? '{}') as ReplicaSettings);
