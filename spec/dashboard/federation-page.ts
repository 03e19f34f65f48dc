import type { Page } from 'playwright-core';

import { RxflareProcess } from '../support/rxflare-process.js';

/** `rxflare flare dashboard` as a process of its own. */
export class FederationPage {
  readonly #process: RxflareProcess;

  /** @param args - beside `--kit` and `--port` */
  constructor(kit: string, ...args: readonly string[]) {
    this.#process = new RxflareProcess('flare', 'dashboard', '--kit', kit, '--port', '0', '--json', ...args);
  }

  /** The link that it printed first. */
  async link(): Promise<string> {
    const { url } = await this.#process.next(({ event }) => event === 'dashboard');
    return String(url);
  }

  /** Ends it without a farewell. */
  kill(): Promise<void> {
    return this.#process.kill();
  }
}

/** Drops a folder or a file of this machine in the middle of a page, as a person does with a mouse. */
export async function dropOn(page: Page, path: string): Promise<void> {
  const devTools = await page.context().newCDPSession(page);
  const { width, height } = page.viewportSize() ?? { width: 800, height: 600 };
  const data = { items: [], files: [path], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
    await devTools.send('Input.dispatchDragEvent', { type, x: width / 2, y: height / 2, data });
  await devTools.detach();
}
