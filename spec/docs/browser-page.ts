import { dirname, join } from 'node:path';

import { build } from 'esbuild';
import { chromium } from 'playwright-core';

import { CHROMIUM_ARGS, chromiumPath } from '../support/chromium.js';
import { type Block, ROOT } from './blocks.js';
import type { Actor } from './program.js';
import { Transcript } from './transcript.js';
import { put } from './workspace.js';

/** Where a bundler for browsers finds the entries. */
const ENTRIES = {
  rxflare: join(ROOT, 'lib', 'browser.ts'),
  'rxflare/angular': join(ROOT, 'lib', 'angular', 'index.ts'),
  'rxflare/drivers': join(ROOT, 'lib', 'drivers', 'browser.ts'),
  'rxflare/monitor': join(ROOT, 'lib', 'monitor', 'index.ts'),
};

declare global {
  interface Window {
    /** Tells the spec what the page shows. */
    shown(text: string): void;
  }
}

/**
 * Bundles a block into the directory that the guides serve, opens it in Chromium, and clicks on its button. Its text
 * is its output.
 *
 * @param path - of its module
 * @param stage - the working directory of the server, with the files that it serves
 * @param server - the program that serves it; the first `http://localhost` in that is opened
 */
export async function openPage(
  { place, code }: Block,
  path: string,
  stage: string,
  server: string,
): Promise<Actor> {
  const directory = join(stage, /(?:static|useStaticAssets)\('([^']+)'\)/.exec(server)?.[1] ?? '');
  const [, selector, component] = /selector: '([^']+)'[^]*export class (\w+)/.exec(code) ?? [];
  const config = /export const (\w+): ApplicationConfig/.exec(code)?.[1];
  const entry = component === undefined ? `import '${path}';` : bootstrap(component, config, path);
  const body = selector === undefined ? '' : `<${selector}></${selector}>`;
  const html = `<!doctype html><body>${body}<script type="module" src="/page.js"></script></body>`;
  await put(join(directory, 'index.html'), html);
  await build({
    stdin: { contents: entry, resolveDir: dirname(path) },
    outfile: join(directory, 'page.js'),
    bundle: true,
    format: 'esm',
    alias: ENTRIES,
    tsconfigRaw: { compilerOptions: { experimentalDecorators: true } },
  });
  const transcript = new Transcript(place);
  const browser = await chromium.launch({
    executablePath: (await chromiumPath()) ?? '',
    args: [...CHROMIUM_ARGS],
  });
  try {
    const page = await browser.newPage();
    page.on('pageerror', (error) => transcript.addError(`${error.message}\n`));
    await page.exposeFunction('shown', (text: string) => transcript.show(text));
    await page.goto(/http:\/\/localhost:\d+/.exec(server)?.[0] ?? '');
    await page.evaluate(() => {
      const tell = (): void => window.shown(document.body.innerText);
      new MutationObserver(tell).observe(document.body, {
        childList: true,
        subtree: true,
        characterData: true,
      });
      tell();
    });
    if (code.includes('<button')) await page.locator('button').click(); // As soon as it is enabled.
  } catch (error) {
    await browser.close();
    throw error;
  }
  const close = (): Promise<void> => browser.close();
  const ends = (): never => transcript.fail('is a page, which does not end by itself');
  return { begins: (output) => transcript.begins(output), ends, stop: close, kill: close };
}

/** The program of an application that is this component. Its template is compiled in the page. */
function bootstrap(component: string, config: string | undefined, path: string): string {
  return `import '@angular/compiler';
import { bootstrapApplication } from '@angular/platform-browser';
import { ${[component, config].join(', ')} } from '${path}';
await bootstrapApplication(${[component, config].join(', ')});`;
}
