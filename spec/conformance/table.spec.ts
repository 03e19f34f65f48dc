import { existsSync, readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/conformance.md', ROOT), 'utf8');

interface Claim {
  readonly check: string;
  readonly file: string;
  readonly title: string;
}

/** Each row ends with where our tests are: `spec/file.spec.ts`: "title". */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('|') && !/^\| *(?:-|check )/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()));
const claims = rows.flatMap(([, check = '', , ours = '']): Claim[] =>
  [...ours.matchAll(/`(spec\/[^`]+)`: "([^"]+)"/g)].map(([, file = '', title = '']) => ({
    check,
    file,
    title,
  })),
);

describe('docs/conformance.md', () => {
  it('has a claim or a reason in every row', () => {
    expect(rows.length).toBeGreaterThan(30);
    const empty = rows.filter(([, , applies = '', ours = '']) =>
      applies === 'yes' ? !ours.includes('`spec/') : !applies.startsWith('no: '),
    );
    expect(empty).toEqual([]);
  });

  it.each(claims)('$check: $file has "$title"', ({ file, title }) => {
    const path = new URL(file, ROOT);
    expect(existsSync(path)).toBe(true);
    const source = readFileSync(path, 'utf8').replaceAll("\\'", "'");
    const titles = [...source.matchAll(/\(\s*(['"`])((?:(?!\1).)+)\1\s*,\s*(?:async\b|\(|function\b)/g)];
    expect(titles.map(([, , text]) => text)).toContain(title);
  });
});
