import type { TestProject } from 'vitest/node';

import { nvflarePython, pythonAvailable } from '../support/python.js';
import { makeResultsFolder, printResults } from './results.js';

/** The NVFlare versions that every transport is proved against. */
export const NVFLARE_VERSIONS = ['2.9.0', '2.5.1'] as const;

/** The versions that cells are proved against: streams were changed in 2.9, and values in 2.7. */
export const CELL_VERSIONS = ['2.9.0', '2.8.0', '2.5.1'] as const;

/** The deployments that `rxflare/flare` is proved against: uploads were changed in 2.8, and the names of cells in 2.9. */
export const DEPLOYMENTS = [
  { version: '2.9.0', scheme: 'http' },
  { version: '2.8.0', scheme: 'grpc' },
  { version: '2.7.2', scheme: 'http' },
] as const;

const ALL_VERSIONS = [...NVFLARE_VERSIONS, ...CELL_VERSIONS, ...DEPLOYMENTS.map(({ version }) => version)];

declare module 'vitest' {
  interface ProvidedContext {
    /** Why real peers cannot be had here; empty where they can. */
    interopObstacle: string;
    /** The folder for {@link recordResults}. */
    interopResults: string;
  }
}

/** Makes the virtual environments before the first test, or says why it cannot. */
export default async function setUp(project: TestProject): Promise<() => void> {
  const results = makeResultsFolder();
  project.provide('interopResults', results);
  if (pythonAvailable()) {
    for (const version of new Set(ALL_VERSIONS)) await nvflarePython(version);
    project.provide('interopObstacle', '');
    return () => printResults(results);
  }
  const obstacle = 'python3 with the venv module is not on the PATH, so there are no real NVFlare peers';
  if (process.env.CI === 'true') throw new Error(`interop tests cannot run: ${obstacle}`);
  process.stderr.write(`interop tests are skipped: ${obstacle}\n`);
  project.provide('interopObstacle', obstacle);
  return () => printResults(results);
}
