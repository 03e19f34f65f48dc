import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { Endpoint, textMessage } from '../../lib/index.js';
import { CHROMIUM_ARGS, chromiumPath } from '../support/chromium.js';
import { communicator, stopAll } from '../support/communicators.js';
import { describeFocus, violationsOf } from './accessible.js';
import { ExampleHub } from './example-hub.js';
import { BUILD_TIMEOUT_MS, preparePage } from './prepare-page.js';

const executablePath = await chromiumPath();
const LONG_NAME = `hospital-of-a-university-with-a-long-name.${'research-cluster-7'.repeat(4)}.job-4711`;

/** 320 is the width that WCAG asks a page to fit (1.4.10): 1280 at a zoom of 400 %. */
const SIZES = [
  { width: 1280, height: 900 },
  { width: 800, height: 900 },
  { width: 320, height: 640 },
];
const LOOKS = SIZES.flatMap((size) => (['light', 'dark'] as const).map((scheme) => ({ scheme, ...size })));

describe.skipIf(executablePath === undefined)('the dashboard, for everybody', { timeout: 60_000 }, () => {
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

  const untilShown = (name: string) =>
    page.locator(`[data-endpoint="${name}"]`).getByText('READY', { exact: true }).waitFor();

  const violations = () => violationsOf(page, LOOKS);

  it('breaks no rule while nobody has joined', async () => {
    await page.getByText('Nobody else has joined yet.').waitFor();
    expect(await violations()).toEqual([]);
  });

  it('breaks no rule with endpoints, messages, a fault and a name that is too long', async () => {
    const site = await hub.join(communicator('site-1'), 'tcp');
    await hub.join(communicator(LONG_NAME), 'http');
    const gone = await hub.join(communicator('site-2'), 'grpc');
    await gone.stop();
    await untilShown('site-1');
    await untilShown(LONG_NAME);
    site.send('hub', 100, textMessage('x'.repeat(300)));
    await page.getByRole('log').getByText('xxx').waitFor();
    await page.getByLabel('App ID').fill('9');
    await page.getByLabel('Text').fill('hello');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByRole('alert').getByText('app ID 9').waitFor();
    expect(await violations()).toEqual([]);
    await page.getByLabel('App ID').fill('1');
  });

  it('breaks no rule with more endpoints than it shows at once, and finds one of them', async () => {
    const names = Array.from({ length: 30 }, (_, index) => `clinic-${index + 1}`);
    await Promise.all(names.map((name) => hub.join(communicator(name), 'tcp')));
    const more = page.getByRole('button', { name: /^Show \d+ more$/ });
    await more.waitFor();
    expect(await page.locator('[data-endpoint]').count()).toBe(25);
    expect(await violations()).toEqual([]);
    await page.getByLabel('Find an endpoint').fill('CLINIC-3');
    await page
      .getByRole('status')
      .getByText(/^2 of \d+ known$/)
      .waitFor();
    expect(await page.locator('[data-endpoint]').count()).toBe(2);
    await page.getByLabel('Find an endpoint').fill('nobody of that name');
    await page.getByText('No endpoint has “nobody of that name” in its name.').waitFor();
    await page.getByLabel('Find an endpoint').fill('');
    await more.click();
    await page.locator('[data-endpoint]').nth(30).waitFor();
    expect(await page.getByRole('button', { name: /^Show/ }).count()).toBe(0);
  });

  it('breaks no rule with one endpoint in detail', async () => {
    await hub.join(communicator(new Endpoint('site-1', { ward: 'north', long: 'x'.repeat(300) })), 'tcp');
    await untilShown('site-1');
    await page.getByRole('button', { name: 'site-1', exact: true }).click();
    const detail = page.getByRole('dialog', { name: 'site-1' });
    await detail.getByText('north', { exact: true }).waitFor();
    await detail.getByRole('button', { name: 'Disconnect …' }).click();
    expect(await violations()).toEqual([]);
    await detail.getByRole('button', { name: 'Close' }).click();
    await detail.waitFor({ state: 'hidden' });
  });

  it.each(SIZES)('takes a keyboard through all controls in order, $width wide', async ({ width, height }) => {
    await hub.join(communicator('site-1'), 'tcp');
    await hub.join(communicator('site-3'), 'http');
    await untilShown('site-1');
    await untilShown('site-3');
    await page.setViewportSize({ width, height });
    await page.getByLabel('Text').fill('hello');
    await page.getByLabel('Find an endpoint').fill('site-');
    await page.emulateMedia({ reducedMotion: 'reduce' }); // Where it scrolls, it does so at once.
    await page.evaluate(() => scrollTo(0, 0));
    await page.mouse.click(1, 1);
    const walk: string[] = [];
    for (let last = ''; last !== 'Events'; walk.push(last)) {
      await page.keyboard.press('Tab');
      const focus = await page.evaluate(describeFocus);
      expect(focus, `after ${last}`).toMatchObject({ isOutlined: true, isInSight: true });
      last = focus.name;
      if (walk.length > 50) break;
    }
    const columns = ['Name', 'State', 'Received', 'Sent', 'Waiting', 'Lost'];
    expect(walk).toEqual([
      'Skip to the messages',
      '2 minutes',
      '1 hour',
      ...(width > 960 ? ['Find an endpoint', ...columns] : ['Sort by', 'Find an endpoint']),
      ...['site-1', 'Write to site-1', 'site-3', 'Write to site-3', 'site-2'],
      'Pause',
      'To',
      'App ID',
      'Text',
      'Send',
      'Messages, newest first',
      'Events',
    ]);
  });

  it('skips the endpoints on request', async () => {
    await page.getByRole('link', { name: 'Skip to the messages' }).focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    expect((await page.evaluate(describeFocus)).name).toBe('Pause');
  });

  it('does not move for those who do not want it to', async () => {
    const isMoving = () =>
      page.evaluate(() =>
        [...document.querySelectorAll('*')].some((element) => {
          const { scrollBehavior, transitionDuration, animationName } = getComputedStyle(element);
          return scrollBehavior === 'smooth' || transitionDuration !== '0s' || animationName !== 'none';
        }),
      );
    await page.emulateMedia({ reducedMotion: 'no-preference' });
    expect(await isMoving()).toBe(true);
    await page.emulateMedia({ reducedMotion: 'reduce' });
    expect(await isMoving()).toBe(false);
  });

  it('breaks no rule when the hub has gone', async () => {
    await hub.kill();
    await page.getByText('The hub does not answer.').waitFor();
    expect(await violations()).toEqual([]);
  });
});
