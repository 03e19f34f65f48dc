import type { TestProject } from 'vitest/node';

import { nvflarePython, pythonAvailable } from '../support/python.js';
import { makeResultsFolder, printResults } from './results.js';

/** The NVFlare versions that every transport is proved against. */
export const NVFLARE_VERSIONS = ['2.9.0', '2.5.1'] as const;

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
    for (const version of NVFLARE_VERSIONS) await nvflarePython(version);
    project.provide('interopObstacle', '');
    return () => printResults(results);
  }
  const obstacle = 'python3 with the venv module is not on the PATH, so there are no real NVFlare peers';
  if (process.env.CI === 'true') throw new Error(`interop tests cannot run: ${obstacle}`);
  process.stderr.write(`interop tests are skipped: ${obstacle}\n`);
  project.provide('interopObstacle', obstacle);
  return () => printResults(results);
}
