import { stop as stopEsbuild } from 'esbuild';
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import { EMPTY, firstValueFrom } from 'rxjs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { serveDashboard } from '../../lib/cli/dashboard.js';
import { type Communicator, Endpoint, EndpointState, Mode, textMessage, textOf } from '../../lib/index.js';
import { serveStats, WATCHER_PROPERTIES } from '../../lib/monitor/index.js';
import { blocks } from '../docs/blocks.js';
import { play } from '../docs/play.js';
import { scenesOf } from '../docs/scenes.js';
import { makeWorkspace } from '../docs/workspace.js';
import { CHROMIUM_ARGS, chromiumPath } from '../support/chromium.js';
import { communicator, stopAll, untilState } from '../support/communicators.js';
import { NvflarePeer } from '../support/nvflare-peer.js';
import { pythonAvailable } from '../support/python.js';
import { RxflareProcess } from '../support/rxflare-process.js';
import { ExampleHub, type Scheme } from './example-hub.js';
import { BUILD_TIMEOUT_MS, preparePage } from './prepare-page.js';

const executablePath = await chromiumPath();
/** What the page shows and sends by itself. */
const APP_ID = 100;

describe.skipIf(executablePath === undefined)('the Angular dashboard', { timeout: 60_000 }, () => {
  let browser: Browser;
  let page: Page;
  let hub: ExampleHub;

  beforeAll(async () => {
    await preparePage();
    browser = await chromium.launch({ executablePath: executablePath ?? '', args: [...CHROMIUM_ARGS] });
    page = await browser.newPage();
    page.setDefaultTimeout(50_000);
    hub = new ExampleHub(0);
    await page.goto(await hub.url('page'));
  }, BUILD_TIMEOUT_MS);

  afterEach(stopAll);

  afterAll(async () => {
    await browser.close();
    await hub.kill();
  });

  /** The row of an endpoint. */
  const row = (name: string): Locator => page.locator(`[data-endpoint="${name}"]`);
  /** Waits until an endpoint is shown in a state. */
  const untilShown = (name: string, state: string) => row(name).getByText(state, { exact: true }).waitFor();

  const join = (name: string, scheme: Scheme): Promise<Communicator> => hub.join(communicator(name), scheme);

  it('joins the hub that it comes from, and says what to do while nobody else has', async () => {
    await page.getByRole('status').getByText('Connected', { exact: true }).waitFor();
    await page.getByRole('heading', { level: 1, name: 'hub' }).waitFor();
    await page.getByText('this page', { exact: true }).waitFor();
    await page.getByText('Nobody else has joined yet.').waitFor();
    expect(await page.locator('[data-endpoint]').count()).toBe(0);
    expect(await page.locator('rxf-replica-list').count()).toBe(0);
    const commands = await page.locator('.empty code', { hasText: 'npx' }).allTextContents();
    const urls = [await hub.url('tcp'), await hub.url('http'), await hub.url('grpc')];
    expect(commands.sort()).toEqual(urls.map((url) => `npx rxflare connect ${url} --name site-1`).sort());
  });

  it('shows who joins, over which transport and from where, and who leaves', async () => {
    const sites = await Promise.all([join('site-1', 'tcp'), join('site-2', 'http'), join('site-3', 'grpc')]);
    for (const [name, scheme] of [
      ['site-1', 'tcp'],
      ['site-2', 'http'],
      ['site-3', 'grpc'],
    ] as const) {
      await untilShown(name, 'READY');
      expect(await row(name).textContent()).toMatch(new RegExp(`READY\\s*${scheme}\\s*127\\.0\\.0\\.1:\\d+`));
    }
    await page.getByText(/^site-3 READY \(127\.0\.0\.1:\d+\)$/).waitFor();
    await sites[1].stop();
    await untilShown('site-2', 'DISCONNECTED');
    expect(await row('site-1').textContent()).toContain('READY');
  });

  it('shows who only watches apart, and counts neither it nor what is lost to it', async () => {
    const top = await hub.join(communicator(new Endpoint('top-1', WATCHER_PROPERTIES)), 'tcp');
    await page.locator('[data-watcher="top-1"]').waitFor();
    expect(await row('top-1').count()).toBe(0);
    const ready = page.locator('rxf-tile', { hasText: 'Endpoints ready' });
    const before = await ready.textContent();
    await top.stop();
    await page.locator('[data-watcher="top-1"]').waitFor({ state: 'detached' });
    expect(await ready.textContent()).toBe(before);
  });

  it('shows what goes through, as figures and as a chart', async () => {
    const site = await join('site-1', 'tcp');
    await untilShown('site-1', 'READY');
    const traffic = setInterval(() => site.send('hub', APP_ID, { payload: new Uint8Array(1_000) }), 10);
    try {
      await row('site-1')
        .locator('[data-label="Received"]')
        .filter({ hasText: /^\s*[1-9][\d.]* msg\/s\s*[1-9][\d.]* kB\/s/ })
        .waitFor();
      await page
        .getByRole('img', { name: /^Messages a second: [1-9][\d.]* received and \S+ sent now$/ })
        .waitFor();
      await page.getByRole('img', { name: /^Bytes a second: [1-9][\d.]* kB received/ }).waitFor();
      await page.getByText(/^\s*median [\d.]+ ms\s*$/).waitFor();
      expect(await row('site-1').textContent()).toContain('READY');
    } finally {
      clearInterval(traffic);
    }
  });

  it('sends a message to an endpoint in the name of the hub, and shows the answer', async () => {
    const site = await join('site-1', 'grpc');
    site.messages(APP_ID).subscribe(({ endpoint, message }) => {
      site.send(endpoint, APP_ID, textMessage(`${endpoint.name} said ${textOf(message)}`));
    });
    await untilShown('site-1', 'READY');
    await page.getByRole('button', { name: 'Write to site-1' }).click();
    await page.keyboard.type('grüße');
    await page.keyboard.press('Enter');
    await page.getByRole('log').getByText('hub said grüße').waitFor();
    expect(await page.getByLabel('Text').inputValue()).toBe('');
  });

  it('writes to all endpoints at once, and says to how many', async () => {
    const sites = await Promise.all([join('site-1', 'tcp'), join('site-2', 'http')]);
    await untilShown('site-1', 'READY');
    await untilShown('site-2', 'READY');
    const heard = Promise.all(sites.map((site) => firstValueFrom(site.messages(APP_ID))));
    await page.locator('rxf-conversation select').selectOption('all endpoints');
    await page.getByLabel('Text').fill('to everyone');
    await page.getByRole('button', { name: 'Send' }).click();
    expect((await heard).map(({ message }) => textOf(message))).toEqual(['to everyone', 'to everyone']);
    await page.getByRole('log').getByText('all 2 endpoints').waitFor();
  });

  it('holds messages back while they are paused, and shows them after that', async () => {
    const site = await join('site-1', 'tcp');
    await untilShown('site-1', 'READY');
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    site.send('hub', APP_ID, textMessage('held back'));
    await page.getByRole('button', { name: 'Paused, 1 new' }).waitFor();
    expect(await page.getByRole('log').getByText('held back').count()).toBe(0);
    await page.getByRole('button', { name: 'Paused, 1 new' }).click();
    await page.getByRole('log').getByText('held back').waitFor();
  });

  it('sorts the endpoints by a column, both ways', async () => {
    await Promise.all([join('site-1', 'tcp'), join('site-2', 'http')]);
    await untilShown('site-1', 'READY');
    await untilShown('site-2', 'READY');
    const name = page.getByRole('columnheader', { name: 'Name' });
    // Sites of an earlier test may still be shown, as disconnected.
    const shown = async () => {
      const rows = await page
        .locator('[data-endpoint]')
        .evaluateAll((all) =>
          all
            .map((row) => row.getAttribute('data-endpoint'))
            .filter((it) => it === 'site-1' || it === 'site-2'),
        );
      return [await name.getAttribute('aria-sort'), ...rows];
    };
    await name.getByRole('button').click();
    await expect.poll(shown).toEqual(['ascending', 'site-1', 'site-2']);
    await name.getByRole('button').click();
    await expect.poll(shown).toEqual(['descending', 'site-2', 'site-1']);
    await page.getByRole('columnheader', { name: 'State' }).getByRole('button').click();
  });

  it('shows one endpoint in detail, and disconnects it when that is confirmed', async () => {
    expect.assertions(0); // It only has to end.
    const site = await hub.join(communicator(new Endpoint('site-1', { ward: 'north' })), 'tcp');
    await untilShown('site-1', 'READY');
    await page.getByRole('button', { name: 'site-1', exact: true }).click();
    const detail = page.getByRole('dialog', { name: 'site-1' });
    await detail.getByText('north', { exact: true }).waitFor();
    await detail.getByText('Its connection is in the clear.').waitFor();
    await detail.getByRole('img', { name: /^Bytes a second/ }).waitFor();
    await detail
      .getByText(/site-1 READY/)
      .first()
      .waitFor();
    await detail.getByRole('button', { name: 'Disconnect …' }).click();
    const gone = untilState(site, 'hub', EndpointState.DISCONNECTED);
    await detail.getByRole('button', { name: 'Disconnect now' }).click();
    await gone;
    await page.keyboard.press('Escape');
    await detail.waitFor({ state: 'hidden' });
  });

  it('shows the last hour on request', async () => {
    expect.assertions(0); // It only has to end.
    await page.getByRole('button', { name: '1 hour' }).click();
    await page.getByText('1 hour ago').first().waitFor();
    await page.getByRole('button', { name: '2 minutes' }).click();
    await page.getByText('2 min ago').first().waitFor();
  });

  it('says why a message cannot be sent, and keeps it', async () => {
    await join('site-1', 'tcp');
    await untilShown('site-1', 'READY');
    await page.getByLabel('App ID').fill('9');
    await page.getByLabel('Text').fill('hello');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByRole('alert').getByText('app ID 9 is not relayed, only 1').waitFor();
    expect(await page.getByLabel('Text').inputValue()).toBe('hello');
    await page.getByLabel('App ID').fill(String(APP_ID));
  });

  it.skipIf(!pythonAvailable())(
    'shows a real NVFlare site: what it sends, and that it is killed',
    async () => {
      await using peer = await NvflarePeer.start({ version: '2.9.0', name: 'python-site' });
      await peer.receive(APP_ID, true);
      await peer.connect(await hub.url('tcp'));
      await untilShown('python-site', 'READY');
      await page.getByRole('button', { name: 'Write to python-site' }).click();
      await page.keyboard.type('hello, Python');
      await page.keyboard.press('Enter');
      await page
        .getByRole('log')
        .locator('li', { hasText: 'received from' })
        .getByText('hello, Python')
        .waitFor();
      await peer.kill();
      await untilShown('python-site', 'DISCONNECTED');
      expect(await row('python-site').textContent()).not.toContain('READY');
    },
  );

  it('says that the hub is silent, though it is connected, and goes on with it', async () => {
    hub.freeze();
    await page.getByText('The hub is connected and says nothing.').waitFor();
    await page.getByRole('status').getByText('Silent', { exact: true }).waitFor();
    hub.thaw();
    await page.getByText(/^Told by the hub at/).waitFor();
    await page.getByRole('status').getByText('Connected', { exact: true }).waitFor();
    expect(await page.getByText('The hub is connected and says nothing.').count()).toBe(0);
  });

  it('says that the hub has gone, and follows it when it comes back', async () => {
    const { port } = new URL(page.url());
    await hub.kill();
    await page.getByText('The hub does not answer.').waitFor();
    expect(await page.getByRole('status').first().textContent()).toContain('Not connected');
    hub = new ExampleHub(Number(port));
    await join('site-7', 'tcp');
    await untilShown('site-7', 'READY');
    await row('site-1').waitFor({ state: 'detached' });
    await page.getByRole('status').getByText('Connected', { exact: true }).waitFor();
  });

  it.each([
    { on: 'a desktop', width: 1280, height: 900 },
    { on: 'a phone', width: 360, height: 740 },
  ])('ends where its content ends on $on, after many messages', async ({ width, height }) => {
    const site = await join('site-1', 'tcp');
    await untilShown('site-1', 'READY');
    for (let number = 1; number <= 60; number += 1)
      site.send('hub', APP_ID, textMessage(`line ${number} of ${width}`));
    await page.getByRole('log').getByText(`line 60 of ${width}`).waitFor();
    await page.setViewportSize({ width, height });
    const { document, content } = await page.evaluate(() => ({
      document: globalThis.document.documentElement.scrollHeight,
      content: Math.ceil(
        (globalThis.document.querySelector('main')?.getBoundingClientRect().bottom ?? 0) + scrollY,
      ),
    }));
    expect(content).toBeGreaterThan(height);
    expect(document).toBe(content);
  });

  it('fits a phone, and a keyboard reaches everything', async () => {
    await join('site-1', 'tcp');
    await untilShown('site-1', 'READY');
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
    const reached = new Set<string>();
    for (let presses = 0; presses < 60; presses += 1) {
      await page.keyboard.press('Tab');
      reached.add(await page.evaluate(() => document.activeElement?.tagName ?? ''));
    }
    for (const tag of ['BUTTON', 'SELECT', 'INPUT', 'OL']) expect(reached).toContain(tag);
  });
});

describe.skipIf(executablePath === undefined)('rxflare listen --dashboard', { timeout: 60_000 }, () => {
  beforeAll(() => preparePage(), BUILD_TIMEOUT_MS);
  afterEach(stopAll);

  it('serves the page and the hub on one port, to pages of its own alone', async () => {
    const args = ['tcp://127.0.0.1:0', '--dashboard', '--dashboard-port', '0', '--app', '5', '--json'];
    await using hub = new RxflareProcess('listen', ...args);
    const { url } = await hub.next(({ event }) => event === 'dashboard');
    const { url: joinUrl } = await hub.next(
      ({ event, url: at }) => event === 'listening' && String(at).startsWith('tcp'),
    );
    const site = communicator('site-1');
    site.addConnector(String(joinUrl), Mode.ACTIVE);
    await site.start();
    await untilState(site, 'hub');

    expect(String(url)).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#[\w-]{32}$/);
    const response = await fetch(String(url));
    expect(response.headers.get('content-security-policy')).toContain("default-src 'self'");
    expect((await fetch(new URL('../../package.json', String(url)))).status).toBe(404);

    const browser = await chromium.launch({ executablePath: executablePath ?? '', args: [...CHROMIUM_ARGS] });
    try {
      const page = await browser.newPage();
      await page.goto(String(url));
      await page.locator('[data-endpoint="site-1"]').getByText('READY', { exact: true }).waitFor();
      const message = firstValueFrom(site.messages(5));
      await page.getByLabel('App ID').fill('5');
      await page.getByLabel('Text').fill('hello');
      await page.getByRole('button', { name: 'Send' }).click();
      expect(textOf((await message).message)).toBe('hello');
      expect(page.url()).toBe(new URL('/', String(url)).href);

      await page.reload();
      await page.locator('[data-endpoint="site-1"]').getByText('READY', { exact: true }).waitFor();

      const stranger = await browser.newPage();
      await stranger.goto(String(url)); // The link was used.
      await stranger.getByText('This page needs a link of the hub').waitFor();
      expect(await stranger.locator('[data-endpoint]').count()).toBe(0);
      const next = hub.next(({ event, url: link }) => event === 'dashboard' && link !== url);
      hub.signal('SIGUSR2');
      await stranger.goto(String((await next).url));
      await stranger.locator('[data-endpoint="site-1"]').getByText('READY', { exact: true }).waitFor();
    } finally {
      await browser.close();
    }
    await site.stop();
    expect(await hub.stop()).toMatchObject({ exitCode: 0, stderr: '' });
  });
});

describe.skipIf(executablePath === undefined)('a hub of its own kind', { timeout: 60_000 }, () => {
  beforeAll(() => preparePage(), BUILD_TIMEOUT_MS);
  afterEach(stopAll);

  it('that tells little of many endpoints, finds the others when asked, and then ends its service, is shown so', async () => {
    const hub = communicator('hub');
    const dashboard = await serveDashboard(hub, 0, APP_ID);
    const allow = dashboard.isPage;
    const service = serveStats(hub, { allow, maxEndpoints: 3 });
    hub.addConnector('inproc://many', Mode.PASSIVE);
    await hub.start();
    const names = ['site-1', 'site-2', 'site-3', 'site-4', 'site-5'];
    const sites = names.map((name) => communicator(name));
    for (const site of sites) {
      site.addConnector('inproc://many', Mode.ACTIVE);
      await site.start();
      await untilState(hub, site.localEndpoint.name);
    }
    const browser = await chromium.launch({ executablePath: executablePath ?? '', args: [...CHROMIUM_ARGS] });
    try {
      const page = await browser.newPage();
      await page.goto(dashboard.newLink());
      await page.getByText('the busiest 2 of 5', { exact: true }).waitFor();
      await page.locator('rxf-tile', { hasText: 'Endpoints ready' }).getByText('of 5 known').waitFor();
      expect(await page.locator('[data-endpoint]').count()).toBe(2);

      const shown = await page.locator('[data-endpoint] .open').allTextContents();
      const hidden = names.find((name) => !shown.includes(name)) ?? '';
      const search = page.getByLabel('Find an endpoint');
      await search.fill(hidden.toUpperCase());
      await page.getByText('1 of 5', { exact: true }).waitFor();
      await page.getByRole('button', { name: `Write to ${hidden}` }).click();
      await search.fill('site');
      await page.getByText('the busiest 3 of 5 found in 5', { exact: true }).waitFor();
      await search.fill('nobody');
      await page.getByText('No endpoint has “nobody” in its name.').waitFor();
      await search.fill('');
      await page.getByText('the busiest 2 of 5', { exact: true }).waitFor();
      const message = firstValueFrom(sites[names.indexOf(hidden)]?.messages(APP_ID) ?? EMPTY);
      await page.getByLabel('Text').fill('to whom I chose');
      await page.getByRole('button', { name: 'Send' }).click();
      expect(textOf((await message).message)).toBe('to whom I chose');

      service.unsubscribe();
      await page.getByText('The hub tells its figures no more').waitFor();
      serveStats(hub, { allow });
      await page.getByText(/^Told by the hub at/).waitFor();
    } finally {
      await browser.close();
      dashboard.close();
    }
  });
});

describe.skipIf(executablePath === undefined)('the guides on the dashboard', { timeout: 180_000 }, () => {
  beforeAll(() => preparePage(), BUILD_TIMEOUT_MS);

  it.each(scenesOf(blocks).filter(({ needs }) => needs === 'dashboard'))('run: $place', async (scene) => {
    const workspace = await makeWorkspace();
    try {
      await play(scene, workspace);
    } finally {
      await workspace.remove();
      await stopEsbuild();
    }
  });
});
