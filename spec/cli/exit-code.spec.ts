import { readFileSync } from 'node:fs';

import { expect, it } from 'vitest';

import { EXIT_MEANINGS } from '../../lib/cli/exit-code.js';

it('the guide has all exit codes, with the words of the command', () => {
  const guide = readFileSync(new URL('../../docs/getting-started.md', import.meta.url), 'utf8');
  const rows = [...guide.matchAll(/^\| (\d+) +\| (.*?) +\|$/gm)].map(([, code, meaning]) => [code, meaning]);
  expect(rows).toEqual(Object.entries(EXIT_MEANINGS));
});
