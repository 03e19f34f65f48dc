import { declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin';

/**
 * What errors and log lines say in English is no contract. Their codes and details are, and so is any other text. English
 * is told by its blanks.
 */
const english = {
  shouldIgnore: (path) =>
    (path.isStringLiteral() || path.isTemplateLiteral()) &&
    (path.node.quasis?.map(({ value }) => value.raw).join('') ?? path.node.value).includes(' ') &&
    path.findParent(({ node: { callee } }) =>
      /(?:Error|log|badFrame|badMap|badUrl|refused|fault)$/.test(
        callee?.property?.id?.name ?? callee?.object?.name ?? callee?.name ?? '',
      ),
    )
      ? 'English'
      : undefined,
};

export const strykerPlugins = [declareValuePlugin(PluginKind.Ignore, 'english', english)];

/** @type {import('@stryker-mutator/api/core').PartialStrykerOptions} */
export default {
  mutate: ['lib/{wire,transport,sfm}/**/*.ts'],
  testRunner: 'vitest',
  vitest: { configFile: 'stryker.vitest.config.ts', related: false },
  plugins: ['@stryker-mutator/vitest-runner', import.meta.filename],
  ignorers: ['english'],
  concurrency: 1,
  dryRunTimeoutMinutes: 30,
  incremental: true,
  incrementalFile: '.stryker/incremental.json',
  tempDirName: '.stryker/tmp',
  ignorePatterns: ['dist', '.compiled', 'docs', 'coverage', '.stryker'],
  reporters: ['clear-text', 'progress-append-only', 'json'],
  jsonReporter: { fileName: '.stryker/mutation.json' },
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  thresholds: { high: 95, low: 95, break: 95 },
};
