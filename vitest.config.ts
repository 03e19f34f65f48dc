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
          testTimeout: 20_000,
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
