import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { describe, expect, inject, it } from 'vitest';

import { decodeFobs, encodeFobs, NdArray, type PyObject } from '../../lib/fobs/index.js';
import { nvflarePython } from '../support/python.js';
import { NVFLARE_VERSIONS } from './set-up.js';

const SCRIPT = fileURLToPath(new URL('fobs_peer.py', import.meta.url));

async function python(
  version: string,
  command: 'write' | 'check',
  input = '',
): Promise<Record<string, string>> {
  const child = spawn(await nvflarePython(version), [SCRIPT, command], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(input);
  const [output] = await Promise.all([text(child.stdout), once(child, 'close')]);
  return JSON.parse(output) as Record<string, string>;
}

describe.skipIf(inject('interopObstacle') !== '').each(NVFLARE_VERSIONS)('FOBS of NVFlare %s', (version) => {
  it('is read, and what is written of it is the same to Python', async () => {
    const written = Object.entries(await python(version, 'write'));
    expect(written.length).toBeGreaterThan(15);
    const decoded = written.map(([name, hex]) => [name, decodeFobs(Buffer.from(hex, 'hex'))] as const);
    expect(new Set(decoded.map(([, { dialect }]) => dialect))).toEqual(
      new Set([version < '2.7' ? '2.4' : '2.7']),
    );

    const shareable = new Map(decoded).get('shareable')?.value as PyObject<{ DXO: { data: { w: NdArray } } }>;
    expect(shareable.data.DXO.data.w).toEqual(NdArray.float32([0, 1, 2, 3, 4, 5], [2, 3]));

    const answer = decoded.map(([name, { value, dialect }]) => {
      return [name, Buffer.from(encodeFobs(value, { dialect })).toString('hex')];
    });
    expect(await python(version, 'check', JSON.stringify(Object.fromEntries(answer)))).toEqual({});
  });
});
