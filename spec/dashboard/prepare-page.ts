import { buildPage } from '../../docs/examples/angular-dashboard/build.js';
import { withDistribution } from '../support/distribution.js';

/** How long a build of the page may take, the installation of its packages included. */
export const BUILD_TIMEOUT_MS = 300_000;

/** Builds the page where it is not up to date. Spec files run side by side, and one of them builds. */
export function preparePage(): Promise<void> {
  return withDistribution(() => buildPage());
}
