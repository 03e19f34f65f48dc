import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { onTestFinished } from 'vitest';

import { nvflarePython } from '../support/python.js';

/** A real cell: its name, the URL of the server, where `server` listens and others connect, and that of a parent. */
export type PeerCell = readonly [fqcn: string, rootUrl: string | null, parentUrl?: string];

/**
 * Starts real NVFlare cells, each in a process of its own. Resolves when all have started, to what ends them.
 *
 * @param script - what they do, in this directory
 */
export async function startCellPeers(
  version: string,
  cells: readonly PeerCell[],
  script = 'cell_peer.py',
): Promise<() => Promise<void>> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(await nvflarePython(version), [path, JSON.stringify(cells)]);
  const closed = once(child, 'close');
  const end = async (): Promise<void> => {
    // All of them have it.
    child.stdin.destroy();
    await closed;
  };
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4_096)));
  const up = new Promise((resolve) => createInterface({ input: child.stdout }).once('line', resolve));
  if ((await Promise.race([up, closed])) === 'UP') return end;
  await end();
  throw new Error(`cells of NVFlare ${version} did not start: ${output}`);
}

/** Starts a real NVFlare cell that ends with the test. */
export async function startCellPeer(
  version: string,
  fqcn: string,
  url: string,
  script?: string,
): Promise<void> {
  onTestFinished(await startCellPeers(version, [[fqcn, url]], script));
}
