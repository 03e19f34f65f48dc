import { expect, it } from 'vitest';

import { SITE_COLUMNS, siteOutput, tableLines } from '../../lib/cli/flare-output.js';

it('shows as many sites as there are', () => {
  const site = siteOutput({ name: 'site', lastConnectTime: undefined, fqcn: undefined });
  expect(
    tableLines(
      Array.from({ length: 200_000 }, () => site),
      SITE_COLUMNS,
    ),
  ).toHaveLength(200_001);
});
