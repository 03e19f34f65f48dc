import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { messageOf } from '../../lib/comm-error.js';

const run = promisify(execFile);

/** Why networks cannot be made here; empty where they can. */
export async function networksObstacle(): Promise<string> {
  const network = new Network();
  try {
    await network.connect(await network.addSwitch('192.0.2'), await network.addPlace());
    return '';
  } catch (error) {
    return messageOf(error).trim().replaceAll('\n', ', ');
  } finally {
    await network[Symbol.asyncDispose]();
  }
}

/** A network namespace of Linux, for processes. */
export interface Place {
  readonly namespace: string;
  /** What to put before a command line to run it there. */
  readonly prefix: readonly string[];
}

/** A switch, in a namespace of its own. */
export interface Switch {
  readonly namespace: string;
  /** The first three parts of its addresses. */
  readonly subnet: string;
}

/** The cable from a place to a switch. */
export interface Cable {
  readonly address: string;
  /** Loses every packet from now on: both ends stay up, and nothing is refused or reset. */
  part(): Promise<void>;
  /** Carries packets again. */
  heal(): Promise<void>;
}

let networks = 0;

/** Places with switches between them. Needs root on Linux, and `ip` of iproute2. */
export class Network implements AsyncDisposable {
  readonly #prefix: string;
  readonly #namespaces: string[] = [];
  #cables = 0;

  constructor() {
    networks += 1;
    this.#prefix = `rxflare-${process.pid}-${networks}`;
  }

  async addPlace(): Promise<Place> {
    const namespace = await this.#addNamespace();
    await ip('-n', namespace, 'link', 'set', 'lo', 'up');
    return { namespace, prefix: ['ip', 'netns', 'exec', namespace] };
  }

  async addSwitch(subnet: string): Promise<Switch> {
    const namespace = await this.#addNamespace();
    await ip('-n', namespace, 'link', 'add', 'switch', 'type', 'bridge');
    await ip('-n', namespace, 'link', 'set', 'switch', 'up');
    return { namespace, subnet };
  }

  /** Plugs a place into a switch, under the next address. */
  async connect({ namespace: at, subnet }: Switch, { namespace }: Place): Promise<Cable> {
    this.#cables += 1;
    const address = `${subnet}.${this.#cables}`;
    const [plug, socket] = [`plug${this.#cables}`, `eth${this.#cables}`];
    await ip('-n', at, 'link', 'add', plug, 'type', 'veth', 'peer', 'name', socket, 'netns', namespace);
    await ip('-n', at, 'link', 'set', plug, 'up');
    await ip('-n', namespace, 'address', 'add', `${address}/24`, 'dev', socket);
    await ip('-n', namespace, 'link', 'set', socket, 'up');
    const cable: Cable = {
      address,
      part: () => ip('-n', at, 'link', 'set', plug, 'nomaster'),
      heal: () => ip('-n', at, 'link', 'set', plug, 'master', 'switch'),
    };
    await cable.heal();
    return cable;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The cables go with their namespaces.
    for (const namespace of this.#namespaces.splice(0)) await ip('netns', 'delete', namespace);
  }

  async #addNamespace(): Promise<string> {
    const namespace = `${this.#prefix}-${this.#namespaces.length + 1}`;
    await ip('netns', 'add', namespace);
    this.#namespaces.push(namespace);
    return namespace;
  }
}

async function ip(...args: readonly string[]): Promise<void> {
  await run('ip', args);
}
