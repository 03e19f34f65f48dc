import { expect, it } from 'vitest';

import { PythonProcess } from './python-process.js';

it('a program ends with all that it starts, even while it is being ended', async () => {
  // Each one that is left holds the pipe of the program open, which would never be closed.
  const forks = new PythonProcess('/bin/sh', ['-c', 'echo up; while :; do sleep 600 & done'], '/');
  await forks.line(/up/);
  await forks.kill();
  expect(forks.log).toBe('up');
});

it('a program ends with what is left of a parent that ended, as the scripts of a kit leave it', async () => {
  const left = new PythonProcess('/bin/sh', ['-c', '(sleep 600 & echo up); exec sleep 600'], '/');
  await left.line(/up/);
  await left.kill();
  expect(left.log).toBe('up');
});

it('what a program leaves behind ends with it, though it has ended itself', async () => {
  const left = new PythonProcess('/bin/sh', ['-c', 'sleep 600 & echo up'], '/');
  await left.line(/up/);
  await left.kill();
  expect(left.log).toBe('up');
});
