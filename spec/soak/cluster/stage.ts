import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

import { type Cable, Network, networksObstacle } from '../../faults/network.js';
import { programArgs } from '../../support/compiled.js';
import { freePort } from '../../support/free-port.js';
import { NatsServer } from '../../support/nats-server.js';

/** Where a replica runs. */
export interface ReplicaPlace {
  readonly url: string;
  /** What to put before its command line. */
  readonly prefix: readonly string[];
  /** Its ways to NATS and to the sites; absent where networks cannot be made. */
  readonly cables?: { readonly nats: Cable; readonly sites: Cable };
}

/** Where everything runs: NATS, replicas, sites, and a balancer between these. */
export interface Stage extends AsyncDisposable {
  /** Why networks cannot be made here; empty where they can. */
  readonly obstacle: string;
  readonly nats: NatsServer;
  readonly replicas: readonly ReplicaPlace[];
  /** What to put before the command line of a site. */
  readonly sites: readonly string[];
  /** Where a site connects to, which gets it any replica. */
  readonly balancerUrl: string;
}

/** Makes a stage: of networks where these can be made, and else on the loopback address. */
export async function makeStage(replicas: number): Promise<Stage> {
  const obstacle = await networksObstacle();
  const made: (() => Promise<void>)[] = [];
  const dispose = async (): Promise<void> => {
    for (const undo of made.splice(0).reverse()) await undo();
  };
  try {
    const network = new Network();
    made.push(() => network[Symbol.asyncDispose]());
    const places = obstacle === '' ? await inNetworks(replicas, network) : await onLoopback(replicas);
    const { host, natsPrefix, sites } = places;
    const nats = await NatsServer.start({ jetStream: true, host, prefix: natsPrefix });
    made.push(() => nats.stop());
    const targets = places.replicas.map(({ url }) => url.slice('tcp://'.length));
    const balancer = startBalancer(sites, targets);
    made.push(() => end(balancer));
    const [port] = (await once(balancer, 'message')) as [number];
    const balancerUrl = `tcp://127.0.0.1:${port}`;
    return { obstacle, nats, replicas: places.replicas, sites, balancerUrl, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

interface Places {
  readonly host: string;
  readonly natsPrefix: readonly string[];
  readonly replicas: readonly ReplicaPlace[];
  readonly sites: readonly string[];
}

/** Each replica is at two networks: that of NATS, and that of the sites. */
async function inNetworks(replicas: number, network: Network): Promise<Places> {
  // Addresses for documentation, which no network uses (RFC 5737).
  const [inner, outer] = [await network.addSwitch('192.0.2'), await network.addSwitch('198.51.100')];
  const [natsAt, sitesAt] = [await network.addPlace(), await network.addPlace()];
  const { address: host } = await network.connect(inner, natsAt);
  await network.connect(outer, sitesAt);
  const made: ReplicaPlace[] = [];
  while (made.length < replicas) {
    const place = await network.addPlace();
    const cables = {
      nats: await network.connect(inner, place),
      sites: await network.connect(outer, place),
    };
    made.push({ url: `tcp://${cables.sites.address}:8002`, prefix: place.prefix, cables });
  }
  return { host, natsPrefix: natsAt.prefix, replicas: made, sites: sitesAt.prefix };
}

async function onLoopback(replicas: number): Promise<Places> {
  const ports: number[] = [];
  while (ports.length < replicas) ports.push(await freePort());
  const made = ports.map((port) => ({ url: `tcp://127.0.0.1:${port}`, prefix: [] }));
  return { host: '127.0.0.1', natsPrefix: [], replicas: made, sites: [] };
}

function startBalancer(prefix: readonly string[], targets: readonly string[]): ChildProcess {
  const line = [...prefix, process.execPath, ...programArgs('soak/balancer'), ...targets];
  const [command = '', ...args] = line;
  return spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
}

async function end(child: ChildProcess): Promise<void> {
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}
