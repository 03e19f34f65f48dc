/**
 * Federated averaging on Fisher's Iris flowers: a hub and three sites, each a process of its own, each site over
 * another transport. Only weights travel, the flowers stay where they are. In the middle one site is killed and
 * comes back. With `--python` there is a fourth site, a real NVFlare communicator in Python.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const KILL_AT_ROUND = 8;
const VICTIM = 'site-2';
const PYTHON_SITE = 'site-4';

console.log('Federated averaging on Iris flowers: a hub and its sites, each a process of its own.');

const [tcp, http, grpc] = await Promise.all(['tcp', 'http', 'grpc'].map(freeUrl));
const sites = new Map([
  ['site-1', tcp],
  ['site-2', http],
  ['site-3', grpc],
]);
if (process.argv.includes('--python')) {
  if (!(await python()).pythonAvailable())
    throw new Error('--python needs python3 with the venv module on the PATH');
  sites.set(PYTHON_SITE, tcp);
}
const names = [...sites.keys()];

console.log(`Only weights travel; the flowers stay at their site. There are ${names.length} sites:
`);
for (const [name, url] of sites)
  console.log(
    `  ${name} over ${new URL(url ?? '').protocol.slice(0, -1)}${name === PYTHON_SITE ? ', in Python' : ''}`,
  );
console.log(`
It takes about ten seconds. After round ${KILL_AT_ROUND} ${VICTIM} is killed, and comes back.

Compiling and starting the hub ...`);

const processes = new Map<string, ChildProcess>();
process.on('exit', () => {
  for (const child of processes.values()) child.kill('SIGKILL');
});

const interpreter = sites.has(PYTHON_SITE) ? await (await python()).nvflarePython('2.9.0') : '';
const hub = start('hub', fork(script('hub.ts'), [String(names.length), tcp, http, grpc].map(String)));
hub.on('message', (report) => {
  if (report === 'listening') {
    console.log(`The hub listens. Starting ${names.join(', ')} ...`);
    for (const name of names) void startSite(name);
  }
  if (report === KILL_AT_ROUND) void killAndRestart(VICTIM);
});

const [exitCode] = (await once(hub, 'exit')) as [number | null];
await Promise.all(names.map((name) => ended(name)));
process.exitCode = exitCode ?? 1;

async function startSite(name: string): Promise<void> {
  const index = names.indexOf(name);
  const url = sites.get(name) ?? '';
  if (name === PYTHON_SITE) {
    const child = start(
      name,
      spawn(interpreter, [script('site.py'), name, url], { stdio: ['pipe', 'inherit', 'ignore'] }),
    );
    const { shard } = await import('./iris.js');
    child.stdin.end(JSON.stringify(shard(index, names.length)));
  } else {
    start(name, fork(script('site.ts'), [name, url, String(index), String(names.length)]));
  }
}

async function killAndRestart(name: string): Promise<void> {
  console.log(`  ! ${name} is killed`);
  processes.get(name)?.kill('SIGKILL');
  await ended(name);
  console.log(`  ! ${name} is started again`);
  await startSite(name);
}

function start<C extends ChildProcess>(name: string, child: C): C {
  processes.set(name, child);
  child.once('exit', () => {
    if (processes.get(name) === child) processes.delete(name);
  });
  return child;
}

async function ended(name: string): Promise<void> {
  const child = processes.get(name);
  if (child !== undefined) await once(child, 'exit');
}

/** Loaded by who wants it: what this example is about to show comes first. */
function python(): Promise<typeof import('../../../spec/support/python.js')> {
  return import('../../../spec/support/python.js');
}

function script(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

async function freeUrl(scheme: string): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no TCP port');
  return `${scheme}://127.0.0.1:${address.port}`;
}
