/** A plugin of TypeDoc: the guides in the order of the README, under their titles. */
import { readdirSync, readFileSync } from 'node:fs';

import { type Application, Converter, type DocumentReflection } from 'typedoc';

const TITLE = /^\s*# (.+)\n/;

export function load(app: Application): void {
  app.options.addReader({
    name: 'the order of the guides',
    order: Number.MAX_SAFE_INTEGER,
    supportsPackages: false,
    read: (options) => options.setValue('projectDocuments', guides()),
  });
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_context, document) => entitle(document));
}

/** Every guide: first those that the README leads to, in its order, then the others by their names. */
function guides(): readonly string[] {
  const [, list = ''] = readFileSync('README.md', 'utf8').split('\n## Read on\n');
  const linked = [...list.matchAll(/\]\((docs\/[\w-]+\.md)\)/g)].map(([, path = '']) => path);
  const files = readdirSync('docs').filter((name) => name.endsWith('.md'));
  return [...new Set([...linked, ...files.sort().map((name) => `docs/${name}`)])];
}

/** Its first heading is its name. TypeDoc takes the name of the file. */
function entitle(document: DocumentReflection): void {
  const [, title] = TITLE.exec(document.content[0]?.text ?? '') ?? [];
  if (title === undefined) throw new Error(`${document.name}: expected a title first`);
  document.name = title;
}
