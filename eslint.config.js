import eslint from '@eslint/js';
import vitest from '@vitest/eslint-plugin';
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';
import { importX } from 'eslint-plugin-import-x';
import rxjsX from 'eslint-plugin-rxjs-x';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/**
 * Imports point one way: wire <- transport <- drivers | sfm <- communicator <- monitor | cellnet | entries <- cli;
 * testing on top, for users, and fobs beside wire. Of the words at the top level, some are below everything and some speak of connections.
 */
const words = [
  'clock-of.ts',
  'comm-error.ts',
  'concatenated.ts',
  'endpoint.ts',
  'is-bytes.ts',
  'is-promise.ts',
  'json-message.ts',
  'log.ts',
  'longest-timer.ts',
  'message.ts',
  'quoted.ts',
  'read-json.ts',
  'require-options.ts',
  'standard-schema.ts',
  'watcher.ts',
];
const upperWords = [
  'cluster-contract.ts',
  'lifecycle.ts',
  'options.ts',
  'received-message.ts',
  'sink.ts',
  'stats.ts',
  'verify-endpoint.ts',
];
/** What an optional peer dependency is for. */
const optional = ['angular', 'cluster', 'metrics', 'nest'];
const entries = [...optional, 'cli', 'index.ts', 'browser.ts', 'exports.ts', 'testing'];
const upper = [...entries, 'communicator.ts', 'monitor', 'flare', 'cellnet', 'fobs'];
const rooms = {
  ...Object.fromEntries(
    words.map((word) => [word, [...upper, ...upperWords, 'wire', 'transport', 'sfm', 'drivers']]),
  ),
  ...Object.fromEntries(upperWords.map((word) => [word, [...upper, 'wire', 'sfm', 'drivers']])),
  wire: [...upper, ...upperWords, 'transport', 'sfm', 'drivers'],
  transport: [...upper, ...upperWords, 'sfm', 'drivers'],
  drivers: [...upper, ...upperWords, 'sfm'],
  sfm: [...upper, 'drivers'],
  'communicator.ts': [...entries, 'monitor', 'drivers', 'flare', 'cellnet', 'fobs'],
  monitor: [...entries, 'drivers', 'flare', 'cellnet', 'fobs'],
  fobs: [
    ...entries,
    ...upperWords,
    'communicator.ts',
    'monitor',
    'transport',
    'sfm',
    'drivers',
    'flare',
    'cellnet',
  ],
  cellnet: [...entries, 'monitor', 'sfm', 'drivers', 'flare'],
  flare: [...optional, 'cli', 'browser.ts', 'exports.ts', 'testing', 'communicator.ts', 'monitor', 'drivers'],
  angular: ['cli', 'cluster', 'index.ts', 'exports.ts', 'drivers', 'metrics', 'monitor', 'nest', 'testing'],
  cluster: [
    'angular',
    'cli',
    'index.ts',
    'browser.ts',
    'exports.ts',
    'communicator.ts',
    'sfm',
    'drivers',
    'metrics',
    'monitor',
    'nest',
    'flare',
    'testing',
  ],
  metrics: [
    'angular',
    'cli',
    'cluster',
    'index.ts',
    'browser.ts',
    'exports.ts',
    'drivers',
    'monitor',
    'nest',
    'testing',
  ],
  nest: ['angular', 'cli', 'cluster', 'browser.ts', 'exports.ts', 'metrics', 'monitor', 'testing'],
  testing: [...optional, 'cli', 'index.ts', 'browser.ts', 'exports.ts'],
  cli: ['angular', 'metrics', 'nest', 'testing'],
  'index.ts': [...optional, 'cli', 'flare', 'monitor', 'testing'],
  'browser.ts': [...optional, 'cli', 'monitor', 'testing'],
  'exports.ts': [...optional, 'cli', 'index.ts', 'browser.ts', 'drivers', 'monitor', 'testing'],
};

export default defineConfig(
  // The pages of the Angular example are checked by its own build, with packages that only it has.
  globalIgnores([
    'dist',
    '.compiled',
    '.stryker',
    'docs/api',
    'coverage',
    'docs/examples/angular-dashboard/{src,dist,.angular}',
  ]),
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [
      tseslint.configs.strictTypeChecked,
      tseslint.configs.stylisticTypeChecked,
      rxjsX.configs.strict,
      importX.flatConfigs.typescript,
    ],
    plugins: { 'import-x': importX },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    settings: { 'import-x/resolver-next': [createTypeScriptImportResolver()] },
    rules: {
      'import-x/no-default-export': 'error',
      'import-x/no-restricted-paths': [
        'error',
        {
          zones: Object.entries(rooms).map(([room, others]) => ({
            target: `./lib/${room}`,
            from: others.map((other) => `./lib/${other}`),
          })),
        },
      ],
      // Streams that cannot fail have no error handler; `firstValueFrom` of an empty one is an error, as it should.
      'rxjs-x/no-ignored-error': 'off',
      'rxjs-x/no-ignored-default-value': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_', argsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
    },
  },
  {
    files: ['{lib,spec}/nest/**/*.ts', 'spec/interop/nest.spec.ts'],
    rules: {
      // A module of Nest is a class without fields, and Nest declares plain options as classes.
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // Nest declares `unwrap<T>(): T`.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
    },
  },
  {
    files: ['*.config.ts', 'spec/**/*.ts'],
    rules: { 'import-x/no-default-export': 'off' },
  },
  {
    files: ['spec/**/*.ts'],
    plugins: { vitest },
    rules: {
      // A test must be able to fail. What only has to end says so with `expect.assertions(0)`, and why.
      'vitest/expect-expect': [
        'error',
        {
          assertFunctionNames: [
            'stage.expectUndisturbed',
            'expect*',
            'expect.*',
            'expect.*.*',
            'play',
            'marbles',
          ],
        },
      ],
    },
  },
  {
    files: ['spec/**/*.ts'],
    ignores: ['**/*.spec.ts', 'spec/support/leaks.ts'],
    rules: {
      // Spec files share modules: only the first one that imports this would get the hook.
      'no-restricted-syntax': [
        'error',
        {
          selector:
            'Program > ExpressionStatement > CallExpression[callee.name=/^(before|after)(Each|All)$/]',
          message: 'Call onTestFinished in the helper, or let the spec file register the hook.',
        },
      ],
    },
  },
);
