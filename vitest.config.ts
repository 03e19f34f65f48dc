import { availableParallelism } from 'node:os';

import { defineConfig } from 'vitest/config';

const LIB = new URL('lib', import.meta.url).pathname;
const alias = [
  { find: /^rxflare$/, replacement: `${LIB}/index.ts` },
  { find: /^rxflare\/(\w+)$/, replacement: `${LIB}/$1/index.ts` },
];

const INTEROP = 'spec/interop/**/*.spec.ts';
const SYSTEM = 'spec/**/*.system.spec.ts';

/** Specs of system and interop wait for processes more than they compute, so that two share a core well. */
const WORKERS = Math.max(2, availableParallelism() - 1);

/** The projects run one after the other. A test waits for what must happen: time-outs are for what never does. */
export default defineConfig({
  resolve: { alias },
  test: {
    setupFiles: ['spec/support/leaks.ts'],
    reporters: ['default', './spec/support/failures-last.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 50_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['spec/**/*.spec.ts'],
          exclude: [SYSTEM, INTEROP],
          // The files of a worker share their modules, since loading them again took longer than the tests.
          isolate: false,
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'system',
          include: [SYSTEM],
          globalSetup: ['spec/support/compiled.ts'],
          maxWorkers: WORKERS,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'interop',
          include: [INTEROP],
          globalSetup: ['spec/support/compiled.ts', 'spec/interop/set-up.ts'],
          hookTimeout: 300_000,
          maxWorkers: WORKERS,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
