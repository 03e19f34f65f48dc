import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { locked } from './locked.js';

/**
 * Runs `work` while no other spec file writes or reads `dist`. Spec files run side by side, and whoever reads in the
 * middle of a build finds files that are empty.
 */
export function withDistribution(work: () => Promise<void>): Promise<void> {
  return locked(join(tmpdir(), 'rxflare-distribution.lock'), work);
}
