import { defineConfig } from 'vitest/config';

import config from './vitest.config.js';

const { SPECS = 'spec/{wire,transport,sfm}/**/*.spec.ts' } = process.env;

/** The unit specs of the rooms that are mutated, without the check for leaks: a mutant may leak. */
export default defineConfig({
  resolve: config.resolve ?? {},
  test: { include: SPECS.split(' '), testTimeout: 600_000 },
});
