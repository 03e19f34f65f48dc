import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const cache = join(homedir(), '.cache', 'rxflare');
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
  const directory = join(cache, `nvflare-${version}`);
  const python = join(directory, 'bin', 'python');
  const marker = join(directory, '.complete');
  if (existsSync(marker)) return python;

  await mkdir(cache, { recursive: true });
  await locked(`${directory}.lock`, async () => {
    if (existsSync(marker)) return;
    if (!(await hasNvflare(python, version))) {
      report(version, 'creating a virtual environment in ~/.cache/rxflare …');
      await rm(directory, { recursive: true, force: true });
      await run('python3', ['-m', 'venv', directory]);
      report(version, 'installing with pip …');
      await run(python, ['-m', 'pip', 'install', '--disable-pip-version-check', '-q', `nvflare==${version}`]);
      report(version, 'ready');
    }
    await writeFile(marker, '');
  });
  return python;
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

/** Runs `work` while no other process does; a lock whose owner died is taken away. */
async function locked(lock: string, work: () => Promise<void>): Promise<void> {
  while (!(await tryLock(lock))) await sleep(250);
  try {
    await work();
  } finally {
    await rm(lock, { force: true });
  }
}

async function tryLock(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    const owner = Number(await readFile(lock, 'utf8').catch(() => ''));
    if (owner && !isAlive(owner)) await rm(lock, { force: true });
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

function errorCode(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
