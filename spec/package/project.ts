import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { withDistribution } from '../support/distribution.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const INSTALL_TIMEOUT_MS = 240_000;
const RUN_TIMEOUT_MS = 240_000;

/** What the guides tell a user to do. */
export const INSTALL = 'npm install rxflare rxjs';

/** Of what the project of a user has beside rxflare, the versions that we build with. */
const COMPANIONS = [
  'typescript',
  '@types/node',
  '@angular/core',
  '@nestjs/common',
  '@nestjs/core',
  '@nestjs/microservices',
  '@opentelemetry/api',
  'reflect-metadata',
  'esbuild',
  'vite',
];

/** The compiler that is a program of its own, beside the one that we build with. */
const TYPESCRIPT_7 = 'typescript-7@npm:typescript@7.0.2';

/** A project of a user, with the packed package installed. */
export interface Project {
  readonly directory: string;
  /** The size of the tarball. */
  readonly packedBytes: number;
  /** Writes a file. */
  write(name: string, text: string): Promise<void>;
  /** Runs a program there; its output. Fails with what it said when it fails. */
  run(program: string, ...args: string[]): Promise<string>;
  /** Runs a program that must fail; its output. */
  fail(program: string, ...args: string[]): Promise<string>;
  remove(): Promise<void>;
}

/** Packs the built package and installs it as a user would, into a project of its own. */
export async function freshProject(): Promise<Project> {
  const directory = await mkdtemp(join(tmpdir(), 'rxflare-project-'));
  const run = async (program: string, args: readonly string[], cwd: string, timeout: number) => {
    const { stdout } = await promisify(execFile)(program, args, { cwd, timeout, env: cleanEnvironment() });
    return stdout;
  };
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', directory];
  let packed = '';
  await withDistribution(async () => {
    packed = await run('npm', pack, ROOT, INSTALL_TIMEOUT_MS);
  });
  const [{ filename, size }] = JSON.parse(packed) as [{ filename: string; size: number }];
  await writeFile(join(directory, 'package.json'), JSON.stringify({ name: 'a-user', private: true }));
  const companions = await Promise.all(
    COMPANIONS.map(async (name) => `${name}@${await installedVersion(name)}`),
  );
  const tarball = join(directory, filename);
  const [npm = '', ...install] = INSTALL.split(' ').map((word) => (word === 'rxflare' ? tarball : word));
  const packages = [...install, ...companions, TYPESCRIPT_7];
  await run(npm, [...packages, '--no-audit', '--no-fund'], directory, INSTALL_TIMEOUT_MS);
  return {
    directory,
    packedBytes: size,
    write: (name, text) => writeFile(join(directory, name), text),
    run: (program, ...args) => run(program, args, directory, RUN_TIMEOUT_MS),
    async fail(program, ...args) {
      try {
        await run(program, args, directory, RUN_TIMEOUT_MS);
      } catch (error) {
        if (error instanceof Error && 'stdout' in error) return String(error.stdout);
        throw error;
      }
      throw new Error(`${program} ${args.join(' ')} did not fail`);
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

async function installedVersion(name: string): Promise<string> {
  const text = await readFile(join(ROOT, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Without what npm and vitest tell their own children. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_|VITEST|DEBUG$)/.test(name)),
  );
}
