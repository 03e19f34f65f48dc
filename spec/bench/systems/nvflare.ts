import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { freePort } from '../../support/free-port.js';
import { nvflarePython } from '../../support/python.js';
import type { System } from '../system.js';
import { rxflare } from './rxflare.js';

const VERSION = '2.9.0';
const SCRIPT = fileURLToPath(new URL('../nvflare_end.py', import.meta.url));

/** NVFlare on both sides, Python to Python. */
export function nvflare(transport: string): System {
  return {
    name: `NVFlare ${VERSION}`,
    transport,
    serve: () => serve(transport),
    async connect(address) {
      const end = await PythonEnd.start('connect', address);
      return {
        async oneWay(payload, count) {
          const [seconds = Number.NaN] = await end.ask({ do: 'one-way', bytes: payload.length, count });
          return seconds;
        },
        echo: (payload, count) => end.ask({ do: 'echo', bytes: payload.length, count }),
        close: () => end.kill(),
      };
    },
  };
}

/** rxflare sends, NVFlare receives. */
export function rxflareToNvflare(transport: string): System {
  return { ...rxflare(transport), name: `rxflare to NVFlare ${VERSION}`, serve: () => serve(transport) };
}

async function serve(transport: string) {
  const address = `${transport}://127.0.0.1:${await freePort()}`;
  const end = await PythonEnd.start('serve', address);
  return { address, close: () => end.kill() };
}

class PythonEnd {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: NodeJS.AsyncIterator<string>;

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    child.stderr.resume();
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  static async start(role: 'serve' | 'connect', url: string): Promise<PythonEnd> {
    const end = new PythonEnd(spawn(await nvflarePython(VERSION), [SCRIPT, role, url]));
    await end.#next();
    return end;
  }

  async ask(command: object): Promise<number[]> {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    return (JSON.parse(await this.#next()) as { seconds: number[] }).seconds;
  }

  async kill(): Promise<void> {
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
  }

  async #next(): Promise<string> {
    const { value, done } = (await this.#lines.next()) as IteratorResult<string, undefined>;
    if (done === true) throw new Error('the NVFlare process ended');
    return value;
  }
}
