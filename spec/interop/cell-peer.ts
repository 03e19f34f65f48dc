import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { onTestFinished } from 'vitest';

import { nvflarePython } from '../support/python.js';

/**
 * Starts a process with a real NVFlare cell, which ends with the test: `server` listens at the URL, others connect.
 * Resolves when the cell has started.
 *
 * @param script - what the cell does, in this directory
 */
export async function startCellPeer(
  version: string,
  fqcn: string,
  url: string,
  script = 'cell_peer.py',
): Promise<void> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(await nvflarePython(version), [path, fqcn, url]);
  const closed = once(child, 'close');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4_096)));
  const up = new Promise((resolve) => createInterface({ input: child.stdout }).once('line', resolve));
  const first = await Promise.race([up, closed]);
  if (first !== 'UP') throw new Error(`the cell ${fqcn} did not start: ${output}`);
}
