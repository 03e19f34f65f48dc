import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** The root has no Angular, so its code in the guide is checked as files of the example, by the build of that. */
describe('the Angular code in docs/dashboard.md', () => {
  const blocks = [...read('docs/dashboard.md').matchAll(/^```typescript file=(\S+)\n([^]*?)^```$/gm)];

  it('is there', () => {
    expect(blocks).toHaveLength(1);
  });

  it.each(blocks.map(({ 1: file = '', 2: code = '' }) => ({ file, code })))(
    'is in $file',
    ({ file, code }) => {
      expect(code).toBe(read(`docs/examples/angular-dashboard/${file}`));
    },
  );
});
