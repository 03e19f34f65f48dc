import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { pages, ROOT } from './blocks.js';

/** The relative links and anchors of a page that lead nowhere. */
export function brokenLinks(markdown: string, page: string): string[] {
  const links = [...withoutCode(markdown).matchAll(/\]\(([^)\s]+)\)/g)].map(({ 1: link = '' }) => link);
  return links.filter((link) => {
    if (/^[a-z]+:/i.test(link)) return false;
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? page : join(dirname(page), path);
    if (path !== '' && !existsSync(resolve(ROOT, target))) return true;
    if (anchor === undefined) return false;
    const content = path === '' ? markdown : pages.get(target);
    return content === undefined || !anchorsOf(content).has(anchor);
  });
}

/** The anchors that GitHub gives the headings of a page. */
function anchorsOf(markdown: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const { 1: heading = '' } of markdown
    .replaceAll(/^```[^]*?^```$/gm, '')
    .matchAll(/^#{1,6} +(.+)$/gm)) {
    const base = heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
    let anchor = base;
    for (let count = 1; anchors.has(anchor); count += 1) anchor = `${base}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}

function withoutCode(markdown: string): string {
  return markdown.replaceAll(/^```[^]*?^```$/gm, '').replaceAll(/`[^`\n]*`/g, '');
}
