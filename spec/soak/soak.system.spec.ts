import { expect, it } from 'vitest';

import { failures, renderReport } from './report.js';
import { runSoak } from './soak.js';

it('a hub and its sites bear everything that can go wrong', async () => {
  const result = await runSoak({
    seconds: 5,
    seed: 1,
    sites: 3,
    trialEveryMs: 500,
    heartbeatMs: 1_000,
    // How late things are is for `npm run soak` to judge, on a machine that does nothing else: here they must happen.
    marginMs: 60_000,
    progress: () => undefined,
  });
  // A heap needs longer to settle; `npm run soak` judges it.
  expect(failures(result, Infinity), renderReport(result)).toEqual([]);
  expect(Object.keys(result.trials)).toEqual(
    expect.arrayContaining([
      'cut',
      'reset',
      'half-open',
      'freeze',
      'kill',
      'restart',
      'freeze hub',
      'kill hub',
      'freeze relay',
      'kill relay',
    ]),
  );
  expect(result.restored).toBeGreaterThan(10);
  expect(result.account.delivered).toBeGreaterThan(1_000);
  expect(result.account.refused).toHaveProperty('CLOSED');
  const { ended } = result.account.requests;
  expect(ended.ok).toBeGreaterThan(500);
  expect(ended).toEqual(
    expect.objectContaining({
      timeout: expect.any(Number) as number,
      comm_error: expect.any(Number) as number,
    }),
  );
}, 120_000);
