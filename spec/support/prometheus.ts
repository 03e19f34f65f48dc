import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';

import { cached } from './cache.js';
import { freePort } from './free-port.js';
import { onPath } from './on-path.js';

const run = promisify(execFile);

/** One series of an answer. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * The path of Prometheus: on the PATH, or unpacked from Debian's package into the cache, which needs no rights.
 * `undefined`, with a printed reason, where there is none.
 *
 * @throws Error instead of that under CI
 */
export async function prometheusPath(): Promise<string | undefined> {
  const found = await onPath(['prometheus']);
  if (found !== undefined) return found;
  try {
    return join(await cached('prometheus', unpack), 'usr', 'bin', 'prometheus');
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    process.stderr.write(`tests with Prometheus are skipped: ${String(error)}\n`);
    return undefined;
  }
}

async function unpack(directory: string): Promise<void> {
  process.stderr.write('prometheus: fetching the package of Debian into ~/.cache/rxflare …\n');
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  // The lists of a fresh system are empty, and only root can fetch them.
  await download(directory).catch(async () => {
    await run('apt-get', ['update']);
    await download(directory);
  });
  const [archive = ''] = (await readdir(directory)).filter((name) => name.endsWith('.deb'));
  await run('dpkg-deb', ['--extract', join(directory, archive), directory]);
  await rm(join(directory, archive));
}

async function download(directory: string): Promise<void> {
  await run('apt-get', ['download', 'prometheus'], { cwd: directory });
}

/** A Prometheus that scrapes, as a process of its own. */
export class Prometheus {
  readonly #child: ChildProcess;
  readonly #directory: string;
  readonly #url: string;

  private constructor(child: ChildProcess, directory: string, url: string) {
    this.#child = child;
    this.#directory = directory;
    this.#url = url;
  }

  /** Starts it, and waits until it answers. */
  static async start(path: string, config: string): Promise<Prometheus> {
    const directory = await mkdtemp(join(tmpdir(), 'rxflare-prometheus-'));
    const address = `127.0.0.1:${await freePort()}`;
    await writeFile(join(directory, 'prometheus.yml'), config);
    const args = [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=${address}`,
    ];
    const child = spawn(path, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const prometheus = new Prometheus(child, directory, `http://${address}`);
    await untilReady(child.stderr);
    return prometheus;
  }

  /** What an expression of PromQL is now. Fails with Prometheus's words for one that it does not understand. */
  async query(expression: string): Promise<readonly Sample[]> {
    const response = await fetch(`${this.#url}/api/v1/query?query=${encodeURIComponent(expression)}`);
    const { data, error } = (await response.json()) as {
      data?: { result: { metric: Record<string, string>; value: [number, string] }[] };
      error?: string;
    };
    if (data === undefined) throw new Error(`${expression}: ${String(error)}`);
    return data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  /** The values that a label of a metric has. */
  async labelValues(metric: string, label: string): Promise<readonly string[]> {
    const response = await fetch(`${this.#url}/api/v1/label/${label}/values?match[]=${metric}`);
    const { data } = (await response.json()) as { data: string[] };
    return data;
  }

  /** Ends it, and removes what it stored. */
  async stop(): Promise<void> {
    const ended = once(this.#child, 'close');
    this.#child.kill();
    await ended;
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** Reads the log until it says that the server answers; fails with the log where it ends first. */
async function untilReady(log: Readable): Promise<void> {
  let said = '';
  for await (const line of createInterface({ input: log })) {
    said += `${line}\n`;
    if (line.includes('Server is ready to receive web requests')) {
      log.resume();
      return;
    }
  }
  throw new Error(`Prometheus ended:\n${said}`);
}
