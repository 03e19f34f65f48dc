import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { DEFAULTS } from '../../lib/options.js';
import { CHROMIUM_ARGS, chromiumPath } from '../support/chromium.js';
import { pages, ROOT } from './blocks.js';

const BUILD_TIMEOUT_MS = 300_000;
const TITLE = /^# (.+)$/m;

const guides = [...pages].filter(([path]) => path.startsWith('docs/'));
const titleOf = ([, markdown]: readonly [string, string]): string => TITLE.exec(markdown)?.[1] ?? '';

const executablePath = await chromiumPath();

describe.skipIf(executablePath === undefined)('the site of the documentation', () => {
  let directory = '';
  let browser: Browser | undefined;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'rxflare-site-'));
    // Types are checked elsewhere. Every warning is an error.
    const args = ['run', 'docs', '--', '--out', directory, '--skipErrorChecking', '--logLevel', 'Warn'];
    await promisify(execFile)('npm', args, { cwd: ROOT });
    browser = await chromium.launch({ executablePath: executablePath ?? '', args: [...CHROMIUM_ARGS] });
  }, BUILD_TIMEOUT_MS);

  afterAll(async () => {
    await browser?.close();
    await rm(directory, { recursive: true });
  });

  const open = async (path: string): Promise<Page> => {
    if (browser === undefined) throw new Error('there is no browser');
    const page = await browser.newPage();
    await page.goto(pathToFileURL(join(directory, path)).href);
    return page;
  };

  it('has every guide before the entries, by its title, and the first one first', async () => {
    const page = await open('index.html');
    const links = page.locator('.tsd-navigation a:visible');
    await links.nth(1).waitFor();
    const names = (await links.allInnerTexts()).map((name) => name.trim());
    const titles = guides.map(titleOf);
    expect(names.slice(0, 2)).toEqual(['rxflare', 'Getting started']);
    expect(names.slice(1, 1 + titles.length).sort()).toEqual(titles.sort());
    expect(names[1 + titles.length]).toBe('rxflare');
  });

  it('shows a title once', async () => {
    const page = await open('documents/Getting_started.html');
    const title = page.locator('.col-content').getByText('Getting started', { exact: true });
    expect(await title.filter({ visible: true }).count()).toBe(1);
  });

  it.each(['request', 'token', 'https'])('finds the guides that speak of %s', async (word) => {
    const page = await open('index.html');
    await page.keyboard.press('/');
    await page.locator('#tsd-search-input').fill(word);
    const found = page.locator('#tsd-search-results a[href*="documents/"]').first();
    await found.waitFor();
    const titles = guides.filter(([, markdown]) => markdown.includes(word)).map(titleOf);
    expect(titles).toContain((await found.innerText()).trim());
  });

  it('shows the default of every option', async () => {
    const page = await open('variables/rxflare.DEFAULTS.html');
    const text = await page.locator('.col-content').innerText();
    for (const name of Object.keys(DEFAULTS)) expect(text).toMatch(new RegExp(`\\b${name}: \\S`));
    expect(text).toContain('heartbeatIntervalMs: 30_000,');
  });
});
