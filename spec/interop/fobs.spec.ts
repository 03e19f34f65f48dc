import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { afterAll, describe, expect, inject, it } from 'vitest';

import {
  decodeFobs,
  encodeFobs,
  type FobsValue,
  NdArray,
  type PyObject,
  readNpz,
  Tuple,
  writeNpz,
} from '../../lib/fobs/index.js';
import { nvflarePython } from '../support/python.js';
import { CELL_VERSIONS } from './set-up.js';

const SCRIPT = fileURLToPath(new URL('fobs_peer.py', import.meta.url));

/** Where Python saves the files that it receives. */
const datumFolder = mkdtempSync(join(tmpdir(), 'rxflare-datums-'));
afterAll(() => rmSync(datumFolder, { recursive: true }));

async function python(
  version: string,
  command: 'write' | 'check',
  input = '',
): Promise<Record<string, string>> {
  const child = spawn(await nvflarePython(version), [SCRIPT, command], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NVFLARE_DATUM_DIR: datumFolder },
  });
  child.stdin.end(input);
  const [output] = await Promise.all([text(child.stdout), once(child, 'close')]);
  return JSON.parse(output) as Record<string, string>;
}

/** The same with one array and one blob, which are in it again and again. */
function again(value: FobsValue): FobsValue {
  const [array, , , blob] = value as readonly FobsValue[];
  return [array, { w: array }, array, blob, Tuple.of(blob, blob)];
}

describe.skipIf(inject('interopObstacle') !== '').each(CELL_VERSIONS)('FOBS of NVFlare %s', (version) => {
  it('is read, and what is written of it is the same to Python', async () => {
    const written = Object.entries(await python(version, 'write'));
    expect(written.length).toBeGreaterThan(15);
    const decoded = written.map(([name, hex]) => [name, decodeFobs(Buffer.from(hex, 'hex'))] as const);
    expect(new Set(decoded.map(([, { dialect }]) => dialect))).toEqual(
      new Set([version < '2.7' ? '2.4' : '2.7']),
    );

    const shareable = new Map(decoded).get('shareable')?.value as PyObject<{ DXO: { data: { w: NdArray } } }>;
    expect(shareable.data.DXO.data.w).toEqual(NdArray.float32([0, 1, 2, 3, 4, 5], [2, 3]));

    const answer = decoded.map(([name, { value: was, dialect }]) => {
      const value =
        name === 'npz' ? writeNpz(readNpz(was as Uint8Array)) : name === 'again' ? again(was) : was;
      return [name, Buffer.from(encodeFobs(value, { dialect })).toString('hex')];
    });
    expect(await python(version, 'check', JSON.stringify(Object.fromEntries(answer)))).toEqual({});
  });
});
