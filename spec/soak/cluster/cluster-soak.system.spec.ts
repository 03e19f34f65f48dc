import { expect, it } from 'vitest';

import { runClusterSoak } from './cluster-soak.js';
import { failures, renderReport } from './report.js';
import { KINDS } from './rounds.js';

it('a hub of three replicas and its sites bear everything that can go wrong', async () => {
  const result = await runClusterSoak({
    // Has all kinds of faults in six rounds, where networks can be made.
    seed: 147,
    sites: 4,
    nvflare: false,
    replicaTimeoutMs: 1_000,
    heartbeatMs: 400,
    // How late things are is for `npm run soak -- --cluster` to judge, on a machine that does nothing else.
    marginMs: 60_000,
    progress: () => undefined,
  });
  const violations = failures(result, Infinity);
  expect(violations, renderReport(result, violations)).toEqual([]);
  const possible = KINDS.filter((kind) => result.skipped.length === 0 || !kind.startsWith('part '));
  expect(Object.keys(result.faults).sort()).toEqual([...possible].sort());
  expect(result.account.delivered).toBeGreaterThan(1_000);
  expect(result.account.dropped).toBeGreaterThan(0);
  expect(result.account.requests.ended.ok).toBeGreaterThan(100);
}, 240_000);
