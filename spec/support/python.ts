import { execFile, spawnSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { cached } from './cache.js';

const run = promisify(execFile);
const environments = new Map<string, Promise<string>>();

/** Whether `python3` is on the PATH and can make virtual environments. */
export function pythonAvailable(): boolean {
  return spawnSync('python3', ['-c', 'import ensurepip, venv'], { stdio: 'ignore' }).status === 0;
}

/** The path of a Python that has NVFlare of this version; its environment is made when it is missing. */
export function nvflarePython(version: string): Promise<string> {
  const known = environments.get(version);
  if (known) return known;
  const made = prepare(version);
  environments.set(version, made);
  return made;
}

async function prepare(version: string): Promise<string> {
  const directory = await cached(`nvflare-${version}`, async (directory) => {
    const python = join(directory, 'bin', 'python');
    if (await hasNvflare(python, version)) return;
    report(version, 'creating a virtual environment in ~/.cache/rxflare …');
    await rm(directory, { recursive: true, force: true });
    await run('python3', ['-m', 'venv', directory]);
    report(version, 'installing with pip …');
    await run(python, ['-m', 'pip', 'install', '--disable-pip-version-check', '-q', `nvflare==${version}`]);
    report(version, 'ready');
  });
  return join(directory, 'bin', 'python');
}

async function hasNvflare(python: string, version: string): Promise<boolean> {
  try {
    const { stdout } = await run(python, ['-c', 'import nvflare; print(nvflare.__version__)']);
    return stdout.trim() === version;
  } catch {
    return false;
  }
}

function report(version: string, progress: string): void {
  process.stderr.write(`nvflare ${version}: ${progress}\n`);
}
