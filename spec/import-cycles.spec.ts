import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, it } from 'vitest';

const LIB = fileURLToPath(new URL('../lib', import.meta.url));

type Imports = ReadonlyMap<string, readonly string[]>;

/** What each file imports of the others, types included. */
function importsOf(directory: string): Imports {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  return new Map(
    files.map((file) => {
      const source = readFileSync(join(directory, file), 'utf8');
      const paths = [...source.matchAll(/\bfrom '(\.[^']*)\.js'/g)].map(([, path = '']) => path);
      return [file, paths.map((path) => join(dirname(file), `${path}.ts`))];
    }),
  );
}

/** The files of cycles, and those between two cycles: what is left without files that import, or are imported by, none. */
function cyclic(imports: Imports): string[] {
  const used = new Set([...imports.values()].flat());
  const left = new Map([...imports].filter(([file]) => used.has(file)));
  const pruned = new Map(
    [...left]
      .map(([file, others]) => [file, others.filter((other) => left.has(other))] as const)
      .filter(([, others]) => others.length > 0),
  );
  return pruned.size === imports.size ? [...pruned.keys()] : cyclic(pruned);
}

it('no file of the library imports itself in a circle, not even for types', () => {
  const imports = importsOf(LIB);
  expect(imports.get('communicator.ts')).toContain('sfm/endpoint-registry.ts');
  expect(cyclic(imports)).toEqual([]);
});

it('a circle would be found', () => {
  const circle = { a: ['b'], b: ['c'], c: ['d', 'b'], d: [], e: ['c', 'f'], f: [] };
  expect(cyclic(new Map(Object.entries(circle)))).toEqual(['b', 'c']);
});
