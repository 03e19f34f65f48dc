import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import type { AxeResults, default as Axe } from 'axe-core';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';

const AXE = fileURLToPath(import.meta.resolve('axe-core'));
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

/** How a page can look. */
export interface Look {
  readonly scheme: 'light' | 'dark';
  readonly width: number;
  readonly height: number;
}

/** What axe finds wrong on a page in every look, each with the element and the reason; and what is wider than the window. */
export async function violationsOf(page: Page, looks: readonly Look[]): Promise<readonly string[]> {
  const found: string[] = [];
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(await readFile(AXE, 'utf8'));
  for (const { scheme, width, height } of looks) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width, height });
    const { violations, passes } = await page.evaluate<AxeResults, readonly string[]>(
      (rules) => (globalThis as unknown as { axe: typeof Axe }).axe.run({ runOnly: [...rules] }),
      RULES,
    );
    expect(passes.map(({ id }) => id)).toContain('color-contrast');
    for (const { id, nodes } of violations)
      for (const { target, failureSummary } of nodes)
        found.push(`${scheme}, ${width} wide: ${id} at ${String(target)}: ${failureSummary ?? ''}`);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (overflow > 0) found.push(`${scheme}, ${width} wide: wider than the window by ${overflow}`);
  }
  return found;
}

/** The element that has the focus, as it is named, and whether a person can see that. Runs in the page. */
export function describeFocus(): { name: string; isOutlined: boolean; isInSight: boolean } {
  const element = document.activeElement as HTMLElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  const labels = (element as HTMLInputElement).labels;
  const label = element.getAttribute('aria-labelledby');
  const text =
    element.getAttribute('aria-label') ??
    labels?.[0]?.querySelector('span')?.textContent ??
    (label === null ? element : document.getElementById(label))?.textContent;
  const { left, top, width, height } = element.getBoundingClientRect();
  const atCentre = document.elementFromPoint(left + width / 2, top + Math.min(height, innerHeight) / 2);
  return {
    name: text?.trim() ?? '',
    isOutlined: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2,
    isInSight: atCentre !== null && element.contains(atCentre),
  };
}
