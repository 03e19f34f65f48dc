import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { expect, it } from 'vitest';

import { programArgs } from '../support/compiled.js';
import type { SlowStream } from './slow-stream.js';

const GIGABYTES = 2;

it('a stream of gigabytes to a slow consumer takes the memory of its window, in both ends together', async () => {
  const args = ['--expose-gc', ...programArgs('cellnet/slow-stream'), String(GIGABYTES)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const { receivedBytes, outOfOrder, grownBytes } = JSON.parse(stdout) as SlowStream;
  expect(receivedBytes).toBeGreaterThanOrEqual(GIGABYTES * 1e9);
  expect(outOfOrder).toBe(0);
  expect(grownBytes).toBeLessThan(150e6);
});
