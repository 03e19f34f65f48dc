import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The most names that `rxflare` itself may have. Whatever does not fit belongs into an entry of its own. */
const MAX_NAMES = 65;

/** What resolves an import of an entry, by condition. */
type Target = string | { readonly default: string; readonly browser?: { readonly default: string } };

const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  exports: Record<string, Target>;
};
const entries = Object.entries(exports).flatMap(([entry, target]) =>
  typeof target === 'string'
    ? []
    : [{ entry, node: target.default, browser: (target.browser ?? target).default }],
);
const { node, browser } = publicNames();

describe('the public names', () => {
  it.each([
    ['Node', node],
    ['a browser', browser],
  ])('of rxflare are few, in %s', (_, names) => {
    expect(names.get('.')?.length).toBeGreaterThan(0);
    expect(names.get('.')?.length).toBeLessThanOrEqual(MAX_NAMES);
  });

  it.each([
    ['Node', node],
    ['a browser', browser],
  ])('have one entry each, in %s', (_, names) => {
    const all = [...names.values()].flat();
    expect(all.filter((name, index) => all.indexOf(name) !== index)).toEqual([]);
  });

  it('of rxflare are the same in Node and in a browser, save for the list of drivers', () => {
    const inBrowser = node.get('.')?.map((name) => (name === 'nodeDrivers' ? 'browserDrivers' : name));
    expect(browser.get('.')).toEqual(inBrowser?.sort());
  });

  it('of a driver exist in Node too where they exist in a browser', () => {
    expect(node.get('./drivers')).toEqual(expect.arrayContaining(browser.get('./drivers') ?? []));
  });
});

/** The names of all values and types that can be imported, by entry, from the sources behind what is published. */
function publicNames(): Record<'node' | 'browser', ReadonlyMap<string, string[]>> {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: unknown;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const sources = entries.flatMap(({ node, browser }) => [sourceOf(node), sourceOf(browser)]);
  // Names need no types of the platform.
  const program = ts.createProgram(sources, { ...options, noLib: true, types: [] });
  const checker = program.getTypeChecker();
  const namesOf = (published: string): string[] => {
    const source = program.getSourceFile(sourceOf(published));
    const symbol = source && checker.getSymbolAtLocation(source);
    if (symbol === undefined) throw new Error(`${published} has no source`);
    return checker
      .getExportsOfModule(symbol)
      .map(({ name }) => name)
      .sort();
  };
  return {
    node: new Map(entries.map(({ entry, node }) => [entry, namesOf(node)])),
    browser: new Map(entries.map(({ entry, browser }) => [entry, namesOf(browser)])),
  };
}

function sourceOf(published: string): string {
  return join(ROOT, published.replace('./dist/', 'lib/').replace(/\.js$/, '.ts'));
}
