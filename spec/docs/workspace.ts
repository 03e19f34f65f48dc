import { chmod, copyFile, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

import { testCertificates } from '../support/certificates.js';
import { programArgs, programsConfig } from '../support/compiled.js';
import { freePort } from '../support/free-port.js';
import { natsExecutable } from '../support/nats-server.js';
import { blocks, ROOT, valueOf } from './blocks.js';

/** What a checkout has, for the commands that contributors use. */
const CHECKOUT = [
  'lib',
  'spec',
  'docs',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'vitest.config.ts',
];

const PORT = /\b80\d\d\b/g;
const given = new Set<number>();

/** Where the scenes of the guides are played. */
export interface Workspace {
  readonly directory: string;
  /** A directory for one scene, with all files of the guides in it. */
  stage(isCheckout: boolean): Promise<Stage>;
  remove(): Promise<void>;
}

/** Where one scene is played, and with what. */
export interface Stage {
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
  /** Makes code fit to run here. */
  localize(code: string): Promise<LocalCode>;
}

/** The code of a block as it runs here: with free ports, on this machine, in this directory. */
export interface LocalCode {
  readonly text: string;
  /** Those that it names. */
  readonly ports: readonly number[];
}

/** Makes a directory with the dependencies, credentials and commands that the guides want. */
export async function makeWorkspace(): Promise<Workspace> {
  const directory = await mkdtemp(join(tmpdir(), 'rxflare-docs-'));
  await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  await put(join(directory, 'package.json'), '{ "type": "module" }');
  // Components of Angular have decorators, as in a project of `ng new`.
  await put(join(directory, 'tsconfig.json'), '{ "compilerOptions": { "experimentalDecorators": true } }');
  await makeStartupKit(join(directory, 'startup'));
  const path = await makeCommands(join(directory, 'bin'));
  let stages = 0;
  return {
    directory,
    remove: () => rm(directory, { recursive: true, force: true }),
    stage: async (isCheckout) => {
      const stage = join(directory, String((stages += 1)));
      if (isCheckout) await copyCheckout(stage);
      await cp(join(directory, 'startup'), stage, { recursive: true });
      const localize = localizer(stage);
      for (const block of blocks) {
        const file = valueOf(block, 'file');
        if (file !== undefined) await put(join(stage, file), (await localize(block.code)).text);
      }
      return { directory: stage, env: environment(path), localize };
    },
  };
}

/** Writes a file, and its directory first. */
export async function put(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

/** What stands for the same port stands for the same port all over a stage. */
function localizer(stage: string): Stage['localize'] {
  const ports = new Map<string, number>();
  return async (code) => {
    const text = code
      .replaceAll('hub.example.com', '127.0.0.1')
      .replaceAll(/\/(run|shared)\/flare/g, stage)
      // The port that it has unless told may be taken here.
      .replaceAll(/--dashboard\b(?!-)/g, '--dashboard --dashboard-port 8010')
      // The packages are there already. This looks whether the lock file fits.
      .replaceAll('npm ci', 'npm ci --dry-run --offline --ignore-scripts');
    const named = new Set(text.match(PORT));
    for (const port of named) if (!ports.has(port)) ports.set(port, await unusedPort());
    const portOf = (port: string): number => ports.get(port) ?? Number(port);
    return { text: text.replaceAll(PORT, (port) => String(portOf(port))), ports: [...named].map(portOf) };
  };
}

/** A free port that no other scene has been given. */
async function unusedPort(): Promise<number> {
  const port = await freePort();
  if (given.has(port)) return unusedPort();
  given.add(port);
  return port;
}

async function copyCheckout(stage: string): Promise<void> {
  const filter = (path: string): boolean => !/\/(node_modules|dist|api)$/.test(path);
  for (const name of CHECKOUT) await cp(join(ROOT, name), join(stage, name), { recursive: true, filter });
  await copyFile(join(ROOT, 'package.json'), join(stage, 'package.json'));
  await symlink(join(ROOT, 'node_modules'), join(stage, 'node_modules'));
}

/** What NVFlare provisions, under its names. */
async function makeStartupKit(directory: string): Promise<void> {
  const { ca, hub, site1 } = await testCertificates();
  await mkdir(directory);
  const server = { 'server.crt': hub.cert, 'server.key': hub.key };
  const client = { 'client.crt': site1.cert, 'client.key': site1.key };
  for (const [name, path] of Object.entries({ 'rootCA.pem': ca, ...server, ...client }))
    await copyFile(path, join(directory, name));
}

/**
 * `npx rxflare` from the sources, and `npx` of everything else from the packages of the checkout. `tsx` is Node itself: the
 * command of that name kills its program, and ends with 143, where that does not answer a signal within 30 ms.
 */
async function makeCommands(directory: string): Promise<string> {
  const rxflare = `exec ${[process.execPath, ...programArgs('cli/main')].map((word) => `'${word}'`).join(' ')} "$@"`;
  const tsx = `exec '${process.execPath}' --import tsx "$@"`;
  const commands = { rxflare, tsx, npx: 'exec "$@"', 'nats-server': `exec '${await natsExecutable()}' "$@"` };
  for (const [name, command] of Object.entries(commands)) {
    await put(join(directory, name), `#!/bin/sh\n${command}\n`);
    await chmod(join(directory, name), 0o755);
  }
  const packages = join(ROOT, 'node_modules', '.bin');
  return [directory, packages, dirname(process.execPath), process.env.PATH].join(delimiter);
}

/** Without what npm and vitest tell their own children. */
function environment(path: string): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_|VITEST|DEBUG$)/.test(name));
  const tsx = { TSX_TSCONFIG_PATH: programsConfig() };
  return { ...Object.fromEntries(own), ...tsx, PATH: path, PYTHONUNBUFFERED: '1' };
}
