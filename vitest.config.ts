import { defineConfig } from 'vitest/config';

const LIB = new URL('lib', import.meta.url).pathname;
const alias = [
  { find: /^rxflare$/, replacement: `${LIB}/index.ts` },
  { find: /^rxflare\/(\w+)$/, replacement: `${LIB}/$1/index.ts` },
];

export default defineConfig({
  resolve: { alias },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['spec/**/*.spec.ts'],
          exclude: ['spec/interop/**'],
          setupFiles: ['spec/support/leaks.ts'],
          // A test waits for what must happen. These are for what never does, on a machine that is busy elsewhere.
          testTimeout: 60_000,
          hookTimeout: 60_000,
          expect: { poll: { timeout: 50_000 } },
        },
      },
      {
        extends: true,
        test: {
          name: 'interop',
          include: ['spec/interop/**/*.spec.ts'],
          globalSetup: ['spec/interop/set-up.ts'],
          setupFiles: ['spec/support/leaks.ts'],
          testTimeout: 60_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
