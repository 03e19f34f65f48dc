/**
 * Federated averaging on Fisher's Iris flowers: a hub and three sites, each a process of its own. Only weights
 * travel, the flowers stay where they are. In the middle one site is killed and comes back.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';

const KILL_AT_ROUND = 8;
const SITES = ['site-1', 'site-2', 'site-3'];
const VICTIM = 'site-2';

const url = `tcp://127.0.0.1:${await freePort()}`;
const processes = new Map<string, ChildProcess>();
process.on('exit', () => {
  for (const child of processes.values()) child.kill('SIGKILL');
});

const hub = start('hub', 'hub.ts', url);
hub.on('message', (report) => {
  if (report === 'listening') for (const name of SITES) startSite(name);
  if (report === KILL_AT_ROUND) void killAndRestart(VICTIM);
});

const [exitCode] = (await once(hub, 'exit')) as [number | null];
await Promise.all(SITES.map((name) => ended(name)));
process.exitCode = exitCode ?? 1;

function start(name: string, script: string, ...args: readonly string[]): ChildProcess {
  const child = fork(new URL(script, import.meta.url), args);
  processes.set(name, child);
  child.once('exit', () => {
    if (processes.get(name) === child) processes.delete(name);
  });
  return child;
}

function startSite(name: string): void {
  start(name, 'site.ts', name, url, String(SITES.indexOf(name)), String(SITES.length));
}

async function killAndRestart(name: string): Promise<void> {
  console.log(`  ! ${name} is killed`);
  processes.get(name)?.kill('SIGKILL');
  await ended(name);
  console.log(`  ! ${name} is started again`);
  startSite(name);
}

async function ended(name: string): Promise<void> {
  const child = processes.get(name);
  if (child !== undefined) await once(child, 'exit');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no TCP port');
  return address.port;
}
