import { defineConfig } from 'vitest/config';

import config from './vitest.config.js';

const room = process.env.ROOM ?? '{wire,transport,sfm}';

/** The unit specs of the rooms that are mutated, without the check for leaks: a mutant may leak. */
export default defineConfig({
  resolve: config.resolve ?? {},
  test: { include: [`spec/${room}/**/*.spec.ts`], isolate: false, testTimeout: 600_000 },
});
