import { fileURLToPath } from 'node:url';

import { type Browser, chromium, type Page } from 'playwright-core';
import { firstValueFrom, take, toArray } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { WebSocketDriver } from '../../lib/drivers/websocket/websocket-driver.js';
import { Communicator, Endpoint, EndpointState, Mode } from '../../lib/index.js';
import { DriverRegistry } from '../../lib/transport/driver-registry.js';
import { CHROMIUM_ARGS, chromiumPath } from '../support/chromium.js';
import { nextEvent, untilState } from '../support/communicators.js';
import { type PageServer, servePage } from '../support/page-server.js';
import { APP, LARGE_APP } from './apps.js';

const executablePath = await chromiumPath();
const COUNT = 1_000;
const NUMBERS = Array.from({ length: COUNT }, (_, number) => number);
const MIB = 1024 ** 2;

describe.skipIf(executablePath === undefined)('a page in Chromium', { timeout: 60_000 }, () => {
  let pages: PageServer;
  let browser: Browser;
  let page: Page;
  let hub: Communicator;
  let url: string;

  beforeAll(async () => {
    pages = await servePage(fileURLToPath(new URL('page.ts', import.meta.url)));
    const { origin } = pages;
    [hub, url] = await startHub('ws://127.0.0.1:0', origin);
    browser = await chromium.launch({ executablePath: executablePath ?? '', args: [...CHROMIUM_ARGS] });
    page = await browser.newPage();
    await page.goto(origin);
  }, 120_000);

  afterAll(async () => {
    await browser.close();
    await hub.stop();
    await pages.close();
  });

  it('joins a hub as an endpoint', async () => {
    await page.evaluate(([hubUrl]) => window.harness.join('page-1', hubUrl), [url] as const);
    const { connProps } = await untilState(hub, 'page-1');
    expect(connProps.peer_addr).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  it('sends messages in order', async () => {
    const received = firstValueFrom(hub.messages(APP).pipe(take(COUNT), toArray()));
    await page.evaluate(([count]) => window.harness.sendNumbers(count), [COUNT] as const);
    expect((await received).map(({ message }) => message.headers?.number)).toEqual(NUMBERS);
  });

  it('receives messages in order', async () => {
    const received = page.evaluate(([count]) => window.harness.receiveNumbers(count), [COUNT] as const);
    // The page subscribes before it answers the next question.
    await page.evaluate(() => window.harness.hubStates);
    for (const number of NUMBERS)
      if (!hub.send('page-1', APP, { headers: { number } })) await firstValueFrom(hub.drained('page-1'));
    expect(await received).toEqual(NUMBERS);
  });

  it('carries messages that a browser sends in fragments', async () => {
    hub.registerMessageReceiver(LARGE_APP, ({ endpoint, message }) => {
      hub.send(endpoint, LARGE_APP, message);
    });
    const echoed = await page.evaluate(([bytes]) => window.harness.echo(bytes), [8 * MIB] as const);
    expect(echoed).toEqual({ bytes: 8 * MIB, isSame: true });
  });

  it('is there again after the hub restarts, and has seen it go', async () => {
    await hub.stop();
    [hub] = await startHub(url, new URL(page.url()).origin);
    await untilState(hub, 'page-1');
    const received = firstValueFrom(hub.messages(APP));
    await page.waitForFunction(() => window.harness.hubStates.length >= 3);
    await page.evaluate(() => window.harness.sendNumbers(1));
    expect((await received).message.headers).toEqual({ number: 0 });
    const { READY, DISCONNECTED } = EndpointState;
    expect(await page.evaluate(() => window.harness.hubStates)).toEqual([READY, DISCONNECTED, READY]);
  });

  it('leaves in good order', async () => {
    const left = nextEvent(hub, 'disconnected');
    await page.evaluate(() => window.harness.stop());
    expect((await left).error).toBeUndefined();
  });
});

/** A hub that pages from one origin may join. */
async function startHub(listenUrl: string, origin: string): Promise<[Communicator, string]> {
  const driver = new WebSocketDriver({ origins: [origin] });
  const hub = new Communicator(new Endpoint('hub'), {}, new DriverRegistry([driver]));
  hub.addConnector(listenUrl, Mode.PASSIVE);
  const listening = nextEvent(hub, 'listening');
  await hub.start();
  return [hub, (await listening).url];
}
