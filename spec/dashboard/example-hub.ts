import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { type Communicator, Mode } from '../../lib/index.js';
import { untilState } from '../support/communicators.js';

const HUB = fileURLToPath(new URL('../../docs/examples/angular-dashboard/hub.ts', import.meta.url));

/** How an endpoint joins the hub. */
export type Scheme = 'tcp' | 'http' | 'grpc' | 'stcp';

/** The example's hub as a process of its own. */
export class ExampleHub {
  readonly #child: ChildProcess;
  readonly #urls: Promise<Readonly<Record<string, string>>>;

  /** @param more - URLs to join on, beside those over tcp, http and grpc */
  constructor(pagePort: number, ...more: readonly string[]) {
    const joinUrls = [...['tcp', 'http', 'grpc'].map((scheme) => `${scheme}://127.0.0.1:0`), ...more];
    const args = ['--import', 'tsx', HUB, String(pagePort), ...joinUrls];
    this.#child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, PAGE_PATH: 'page' },
    });
    this.#urls = this.#readUrls();
  }

  /** Where the page is, and where endpoints join, by scheme. */
  url(kind: 'page' | Scheme): Promise<string> {
    return this.#urls.then((urls) => urls[kind] ?? '');
  }

  /** Resolves when a site has joined. */
  async join(site: Communicator, scheme: Scheme): Promise<Communicator> {
    site.addConnector(await this.url(scheme), Mode.ACTIVE);
    await site.start();
    await untilState(site, 'hub');
    return site;
  }

  /** Stops it where it stands: its connections stay open. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  /** Lets it go on. */
  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  /** Ends it without a farewell. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'close');
  }

  async #readUrls(): Promise<Readonly<Record<string, string>>> {
    const urls: Record<string, string> = {};
    if (this.#child.stdout === null) return urls;
    for await (const line of createInterface({ input: this.#child.stdout })) {
      const [, what = '', url = ''] = /^(listening|page) on (\S+)$/.exec(line) ?? [];
      if (what === 'page') return { ...urls, page: url };
      // The page's own listener comes last, and on a path.
      if (!url.endsWith('/f3')) urls[url.split(':', 1)[0] ?? ''] = url;
    }
    throw new Error('the hub ended before it told where its page is');
  }
}
