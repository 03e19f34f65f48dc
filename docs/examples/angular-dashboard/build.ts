/**
 * Builds the page, with its own packages installed first where they are not, and copies it to where the rxflare
 * command finds it. Does nothing where neither the page nor the library has changed since.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** Marks of what was installed and built, beside it. */
const LOCK_MARK = join(HERE, 'node_modules', '.rxflare-lock');
const PAGE_MARK = join(HERE, 'node_modules', '.rxflare-page');
const IN_PACKAGE = join(ROOT, 'dist', 'dashboard');
const LIBRARY = join(HERE, 'node_modules', 'rxflare');

/** What the page is made of. */
const SOURCES = [
  ...['src', 'angular.json', 'package-lock.json'].map((path) => join(HERE, path)),
  ...['lib', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'].map((path) =>
    join(ROOT, path),
  ),
];

/** Where the built page is. */
export const PAGE = join(HERE, 'dist');

/** The page of a hub, and that of a federation: one application, two documents. */
const [HUB, FEDERATION] = ['index.html', 'federation.html'];

/** Builds the pages where they are not up to date. */
export async function buildPage(): Promise<void> {
  const key = await keyOf(SOURCES);
  const isBuilt = [PAGE, IN_PACKAGE].every((directory) => existsSync(join(directory, FEDERATION)));
  if (isBuilt && (await readText(PAGE_MARK)) === key) return;
  if ((await readText(LOCK_MARK)) !== (await lockKey())) {
    await run('npm', ['ci', '--no-audit', '--no-fund'], HERE);
    await writeFile(LOCK_MARK, await lockKey());
  }
  await run('npm', ['run', '--silent', 'build'], ROOT);
  await installLibrary();
  await run('npm', ['run', '--silent', 'build'], HERE);
  await makeFederationPage();
  await writeFile(PAGE_MARK, key);
  await rm(IN_PACKAGE, { recursive: true, force: true });
  await cp(PAGE, IN_PACKAGE, { recursive: true });
}

/** The document of the federation: that of the hub with another element. What runs loads what the element needs. */
async function makeFederationPage(): Promise<void> {
  const html = await readFile(join(PAGE, HUB), 'utf8');
  const page = html.replaceAll('rxf-dashboard', 'rxf-federation');
  if (page === html) throw new Error(`expected <rxf-dashboard> in ${HUB}`);
  await writeFile(join(PAGE, FEDERATION), page);
}

/** Puts the built library where `npm install rxflare` puts it. */
async function installLibrary(): Promise<void> {
  await rm(LIBRARY, { recursive: true, force: true });
  const filter = (source: string): boolean => source !== IN_PACKAGE;
  for (const path of ['package.json', 'dist'])
    await cp(join(ROOT, path), join(LIBRARY, path), { recursive: true, filter });
}

function lockKey(): Promise<string> {
  return keyOf([join(HERE, 'package-lock.json')]);
}

/** A hash of files, and of all that is in directories. */
async function keyOf(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const path of paths) {
    const entries = existsSync(path) ? await filesIn(path) : [];
    for (const file of entries) hash.update(file).update(await readFile(file));
  }
  return hash.digest('hex');
}

async function filesIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) return [path];
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => join(entry.parentPath, entry.name)).sort();
}

async function readText(path: string): Promise<string | undefined> {
  return existsSync(path) ? readFile(path, 'utf8') : undefined;
}

/** Runs a command; what it prints goes to standard error, since `npm pack` prints its own result. */
async function run(command: string, args: readonly string[], cwd: string): Promise<void> {
  process.stderr.write(`dashboard: ${command} ${args.join(' ')} …\n`);
  const env = { ...process.env, NG_CLI_ANALYTICS: 'false' };
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [exitCode] = (await once(child, 'close')) as [number | null];
  if (exitCode !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with ${exitCode ?? 'a signal'}\n${output}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildPage();
