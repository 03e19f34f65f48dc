import { expect, it } from 'vitest';

import { PythonProcess } from './python-process.js';

it('a program ends with all that it starts, even while it is being ended', async () => {
  // Each one that is left holds the pipe of the program open, which would never be closed.
  const forks = new PythonProcess('/bin/sh', ['-c', 'echo up; while :; do sleep 600 & done'], '/');
  await forks.line(/up/);
  await forks.kill();
  expect(forks.log).toBe('up');
});
