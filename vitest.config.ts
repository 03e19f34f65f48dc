import { defineConfig } from 'vitest/config';

// The first that fits counts, and "rxflare" fits all below it.
const alias = {
  'rxflare/testing': new URL('lib/testing/index.ts', import.meta.url).pathname,
  rxflare: new URL('lib/index.ts', import.meta.url).pathname,
};

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
