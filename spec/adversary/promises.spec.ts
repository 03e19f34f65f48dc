import { existsSync, readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

const PAGE = new URL('../../docs/security.md', import.meta.url);
const text = readFileSync(PAGE, 'utf8');

/** The pages whose promises are kept here. */
const PAGES = ['security.md', 'faults.md'] as const;

/** The rows of the table at the end of the page: where a promise is made, the promise, and the specs. */
const rows = (text.split(/^## Promises and the specs that try to break them$/m)[1] ?? '')
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .slice(2)
  .map((line) =>
    line
      .split('|')
      .map((cell) => cell.trim())
      .slice(1, -1),
  );

/** The headings of a page as GitHub links to them. */
function anchorsOf(page: string): readonly string[] {
  const headings = readFileSync(new URL(page, PAGE), 'utf8').match(/^## .+$/gm) ?? [];
  return headings.map((heading) =>
    heading
      .slice(3)
      .toLowerCase()
      .replaceAll(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  );
}

describe('the table of promises', () => {
  it.each(rows)('%s: %s', (where, _promise, specs = '') => {
    expect(where).toMatch(/^\[.+\]\((#|(faults|cells|federation)\.md#).+\)$/);
    const files = [...specs.matchAll(/\]\((\.\.\/spec\/[^)]+)\)/g)].map(([, path = '']) => path);
    expect(files.length, 'specs that are named').toBeGreaterThan(0);
    for (const file of files) {
      expect(existsSync(new URL(file, PAGE)), file).toBe(true);
      expect(file).toMatch(/\.spec\.ts$|\/interop\//);
    }
  });

  it.each(PAGES)('has a row for each section of %s that promises something', (page) => {
    const prefix = page === 'security.md' ? '#' : `${page}#`;
    const cells = rows.map(([where = '']) => where);
    const missing = anchorsOf(page)
      .filter((anchor) => !NO_PROMISES.includes(anchor))
      .filter((anchor) => !cells.some((cell) => cell.endsWith(`(${prefix}${anchor})`)));
    expect(missing).toEqual([]);
  });

  it('links to sections that exist', () => {
    for (const [where = ''] of rows) {
      const [, page = 'security.md', anchor = ''] = /\((\w+\.md)?#(.+)\)$/.exec(where) ?? [];
      expect(anchorsOf(page), where).toContain(anchor);
    }
  });
});

/** Sections of advice, and the table itself. */
const NO_PROMISES = ['promises-and-the-specs-that-try-to-break-them'];
