import { fileURLToPath } from 'node:url';

import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';

import { CHROMIUM_ARGS, chromiumPath } from '../support/chromium.js';
import { freePort } from '../support/free-port.js';
import { type PageServer, servePage } from '../support/page-server.js';
import { pattern, sha256 } from '../support/pattern.js';
import { startCellPeers } from './cell-peer.js';
import { recordResults, type ResultRow } from './results.js';
import { CELL_VERSIONS } from './set-up.js';

const executablePath = inject('interopObstacle') === '' ? await chromiumPath() : undefined;
const MIB = 1024 ** 2;
const SIZES = [0, 1, MIB - 1, MIB, MIB + 1, 5_000_000];
/** More than the WebSocket clients of NVFlare take in one frame, which servers and pages do. */
const LARGE = 5_000_000;
const VALUE = { list: [1, 2.5, 'three'], text: 'ü', none: null };

const told = (length: number) => ({ length, sha256: sha256(pattern(length)) });

describe.skipIf(executablePath === undefined)('cells in pages of Chromium', () => {
  let pages: PageServer;
  let browser: Browser;
  const rows: ResultRow[] = [];

  beforeAll(async () => {
    pages = await servePage(fileURLToPath(new URL('cell-page.ts', import.meta.url)));
    browser = await chromium.launch({ executablePath: executablePath ?? '', args: [...CHROMIUM_ARGS] });
  });

  afterAll(async () => {
    await browser.close();
    await pages.close();
    recordResults('Cells in Chromium with real NVFlare', rows);
  });

  describe.each(CELL_VERSIONS)('below a server of NVFlare %s', (version) => {
    const proved: Record<string, string> = {};
    // The largest takes a page some seconds, whatever the release.
    const sizes = version === CELL_VERSIONS[0] ? [...SIZES, 64 * MIB] : SIZES;
    rows.push({ facts: { nvflare: version, transport: 'http', server: 'Python' }, proved });
    let one: Page;
    let two: Page;
    let endServer: () => Promise<void>;

    async function join(name: string, url: string): Promise<Page> {
      const page = await browser.newPage();
      await page.goto(pages.origin);
      const options = { dialect: version < '2.7' ? '2.4' : '2.7', requestTimeoutMs: 30_000 } as const;
      await page.evaluate((args) => window.cell.join(...args), [name, url, options] as const);
      return page;
    }

    beforeAll(async () => {
      const url = `http://127.0.0.1:${await freePort()}`;
      endServer = await startCellPeers(version, [['server', url]]);
      [one, two] = await Promise.all([join('page-1', url), join('page-2', url)]);
      // The server sees a page some time after the page sees the server.
      await vi.waitUntil(async () => (await ask(one, 'page-2', 'echo', 1)) === 1, 30_000);
    });

    afterAll(async () => {
      await Promise.all([one, two].map((page) => page.evaluate(() => window.cell.stop())));
      await Promise.all([one.close(), two.close()]);
      await endServer();
    });

    const ask = (page: Page, target: string, topic: string, payload?: unknown, options = {}) =>
      page.evaluate((args) => window.cell.ask(...args), [target, topic, payload, options] as const);
    /** What the server gets when it asks a page. */
    const serverAsks = async (topic: string, payload: unknown, more = {}) => {
      const wish = { how: 'request', topic, targets: ['page-2'], payload, timeout: 10, ...more };
      const all = (await ask(one, 'server', 'ask', wish, { channel: 'admin' })) as Record<string, unknown>;
      return all['page-2'];
    };

    it('ask it, are asked by it, and ask each other through it', async () => {
      for (const channel of ['task', 'app']) {
        for (const target of ['server', 'page-2']) {
          expect(await ask(one, target, 'echo', VALUE, { channel })).toEqual(VALUE);
        }
        expect(await serverAsks('echo', VALUE, { channel })).toEqual(['ok', null, VALUE]);
      }
      for (const target of ['server', 'page-2']) {
        expect(await ask(one, target, 'large', LARGE)).toEqual(told(LARGE));
        const echoed = await ask(one, target, 'echo', { pattern: LARGE }, { channel: 'app' });
        expect(echoed).toEqual(told(LARGE));
      }
      expect(await ask(two, 'server', 'headers')).toMatchObject({ cn__origin: 'page-2' });
      const all = ['server', 'page-2', 'gone', 'no name!'];
      expect(await one.evaluate((args) => window.cell.askAll(...args), [all, 'echo', 'hi'] as const)).toEqual(
        {
          server: 'hi',
          'page-2': 'hi',
          gone: 'comm_error',
          'no name!': 'invalid_target',
        },
      );
      proved.requests = '';
    });

    it('fail as cells do: where nobody handles, where a handler does, and in time', async () => {
      for (const target of ['server', 'page-2']) {
        expect(await ask(one, target, 'nobody handles')).toBe('process_exception');
        expect(await ask(one, target, 'nobody handles', 1, { channel: 'app', stream: true })).toBe(
          'comm_error',
        );
        expect(await ask(one, target, 'fail')).toBe('process_exception');
        expect(await ask(one, target, 'silent', 1, { timeoutMs: 200 })).toBe('timeout');
      }
      expect(await serverAsks('nobody handles', 1)).toEqual(['process_exception', 'no callback', null]);
      expect(await serverAsks('fail', 1)).toEqual(['process_exception', null, null]);
      expect(await serverAsks('silent', 1, { timeout: 0.2 })).toEqual(['timeout', null, null]);
      proved.failures = '';
    });

    it('send it streams', async () => {
      for (const size of sizes) {
        const name = `from page ${size}`;
        const send = ['server', name, size] as const;
        expect(await one.evaluate((args) => window.cell.send(...args), send)).toBe(size);
        const read = () => ask(one, 'server', 'read', name, { channel: 'admin' });
        expect(await vi.waitUntil(read, 30_000)).toEqual([size, sha256(pattern(size))]);
      }
      proved['streams out'] = '';
    });

    it('get streams from it', async () => {
      for (const size of sizes) {
        const name = `to page ${size}`;
        const wish = { target: 'page-2', name, size };
        expect(await ask(one, 'server', 'send blob', wish, { channel: 'admin' })).toBe(size);
        expect(await two.evaluate((args) => window.cell.received(...args), [name] as const)).toEqual(
          told(size),
        );
      }
      proved['streams in'] = '';
    });

    it('send each other streams through it', async () => {
      const send = ['page-2', 'between pages', 20 * MIB] as const;
      expect(await one.evaluate((args) => window.cell.send(...args), send)).toBe(20 * MIB);
      expect(await two.evaluate(() => window.cell.received('between pages'))).toEqual(told(20 * MIB));
      proved['page to page'] = '';
    });
  });
});
