import { expect, it } from 'vitest';

import { jobsReport } from '../../../lib/flare/dashboard/job-report.js';
import type { JobMeta } from '../../../lib/flare/described-job.js';

it.each([
  [3, 3, 0],
  [999, 500, 499],
  // The server is asked for no more.
  [1_000, 500, null],
])('a report on %i jobs has %i, and leaves %j out', (count, shown, omitted) => {
  const metas = Array.from({ length: count }, (_, index) => ({ jobId: `${index}`, name: '', status: '' }));
  const report = jobsReport(metas as unknown as readonly JobMeta[]);
  expect([report.jobs.length, report.omitted]).toEqual([shown, omitted]);
});
