import { cluster, type ClusterOptions, type ClusterView } from '../../lib/cluster/index.js';
import { type Communicator, type CommunicatorOptions, Endpoint, Mode } from '../../lib/index.js';
import { communicator, nextEvent, untilState } from '../support/communicators.js';
import type { NatsServer } from '../support/nats-server.js';

let clusters = 0;

/** A name that no other test has. */
export function clusterName(): string {
  clusters += 1;
  return `spec-${process.pid}-${clusters}`;
}

/** One replica, and where sites connect to it. */
export interface TestReplica {
  readonly hub: Communicator;
  readonly view: ClusterView;
  readonly url: string;
}

/** What replicas of a test share. */
export interface TestCluster {
  readonly server: NatsServer;
  readonly name: string;
  readonly cluster?: Partial<ClusterOptions>;
  readonly options?: CommunicatorOptions;
}

/** Starts a replica of a hub that listens on a port of its own. */
export async function replica({ server, name, cluster: more, options }: TestCluster): Promise<TestReplica> {
  const view = cluster({ nats: { servers: server.address }, name, ...more });
  const hub = communicator(new Endpoint('server'), { drainTimeoutMs: 5_000, ...options, cluster: view });
  hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
  const listening = nextEvent(hub, 'listening');
  listening.catch(() => undefined); // Where it does not start.
  await hub.start();
  return { hub, view, url: (await listening).url };
}

/** Connects a site to a replica, and waits until that has it. */
export async function site(
  name: string,
  { hub, url }: TestReplica,
  options: CommunicatorOptions = {},
): Promise<Communicator> {
  const made = communicator(name, options);
  made.addConnector(url, Mode.ACTIVE);
  await made.start();
  await Promise.all([untilState(made, 'server'), untilState(hub, name)]);
  return made;
}
