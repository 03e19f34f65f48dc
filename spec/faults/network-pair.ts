import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { messageOf } from '../../lib/comm-error.js';

const run = promisify(execFile);
/** Addresses for documentation, which no network uses (RFC 5737). */
const SUBNET = '192.0.2';

/** A network of its own for a process. */
export interface Place {
  readonly address: string;
  /** What to put before a command line to run it there. */
  readonly prefix: readonly string[];
}

/** Why networks cannot be made here; empty where they can. */
export async function networksObstacle(): Promise<string> {
  try {
    const network = await NetworkPair.make();
    await network[Symbol.asyncDispose]();
    return '';
  } catch (error) {
    return messageOf(error).trim().replaceAll('\n', ', ');
  }
}

let pairs = 0;

/**
 * Two network namespaces of Linux, with a switch between them in a third one. While the switch is off every packet is
 * lost, and neither side has a sign of it: the links stay up, and nothing is refused or reset.
 */
export class NetworkPair implements AsyncDisposable {
  readonly hub: Place;
  readonly site: Place;
  readonly #names: Readonly<Record<'hub' | 'site' | 'switch', string>>;

  private constructor() {
    pairs += 1;
    const prefix = `rxflare-${process.pid}-${pairs}`;
    this.#names = { hub: `${prefix}-hub`, site: `${prefix}-site`, switch: `${prefix}-switch` };
    this.hub = placeIn(this.#names.hub, `${SUBNET}.1`);
    this.site = placeIn(this.#names.site, `${SUBNET}.2`);
  }

  /** Needs root on Linux, and `ip` of iproute2. */
  static async make(): Promise<NetworkPair> {
    const network = new NetworkPair();
    try {
      await network.#build();
      return network;
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Loses every packet from now on. */
  async part(): Promise<void> {
    await ip('-n', this.#names.switch, 'link', 'set', 'switch', 'down');
  }

  /** Carries packets again. */
  async heal(): Promise<void> {
    await ip('-n', this.#names.switch, 'link', 'set', 'switch', 'up');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { stdout } = await run('ip', ['netns', 'list']).catch(() => ({ stdout: '' }));
    const there = stdout.split('\n').map((line) => line.split(' ')[0]);
    // The links go with their namespaces.
    for (const name of Object.values(this.#names))
      if (there.includes(name)) await ip('netns', 'delete', name);
  }

  async #build(): Promise<void> {
    const { switch: middle } = this.#names;
    for (const name of Object.values(this.#names)) await ip('netns', 'add', name);
    await ip('-n', middle, 'link', 'add', 'switch', 'type', 'bridge');
    for (const side of ['hub', 'site'] as const) {
      const there = ['netns', this.#names[side]];
      await ip('-n', middle, 'link', 'add', side, 'type', 'veth', 'peer', 'name', 'eth0', ...there);
      await ip('-n', middle, 'link', 'set', side, 'master', 'switch', 'up');
      await ip('-n', this.#names[side], 'address', 'add', `${this[side].address}/24`, 'dev', 'eth0');
      await ip('-n', this.#names[side], 'link', 'set', 'eth0', 'up');
      await ip('-n', this.#names[side], 'link', 'set', 'lo', 'up');
    }
    await this.heal();
  }
}

function placeIn(namespace: string, address: string): Place {
  return { address, prefix: ['ip', 'netns', 'exec', namespace] };
}

async function ip(...args: readonly string[]): Promise<void> {
  await run('ip', args);
}
