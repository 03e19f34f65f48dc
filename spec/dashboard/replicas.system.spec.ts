import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type Dashboard, serveDashboard } from '../../lib/cli/dashboard.js';
import { Mode, textMessage } from '../../lib/index.js';
import { serveStats } from '../../lib/monitor/index.js';
import { clusterName, replica, site, type TestReplica } from '../cluster/cluster-of.js';
import { ReplicaProcess } from '../cluster/replica-process.js';
import { CHROMIUM_ARGS, chromiumPath } from '../support/chromium.js';
import { communicator, stopAll, untilState } from '../support/communicators.js';
import { NatsServer } from '../support/nats-server.js';
import { violationsOf } from './accessible.js';
import { BUILD_TIMEOUT_MS, preparePage } from './prepare-page.js';

const executablePath = await chromiumPath();
const APP_ID = 100;
const replicaTimeoutMs = 5_000;
const LOOKS = [1_280, 800, 320].flatMap((width) =>
  (['light', 'dark'] as const).map((scheme) => ({ scheme, width, height: 800 })),
);

describe.skipIf(executablePath === undefined)('the dashboard of a cluster', { timeout: 60_000 }, () => {
  let server: NatsServer;
  let one: TestReplica;
  let two: TestReplica;
  let three: ReplicaProcess;
  let dashboard: Dashboard;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    await preparePage();
    server = await NatsServer.start({ jetStream: true });
    const shared = { server, name: clusterName(), cluster: { replicaTimeoutMs } };
    [one, two] = await Promise.all([replica(shared), replica(shared)]);
    three = await ReplicaProcess.start({ server: server.address, name: shared.name, replicaTimeoutMs });
    dashboard = await serveDashboard(one.hub, 0, APP_ID);
    serveStats(one.hub, { allow: dashboard.isPage });
    await Promise.all([site('site-1', one), site('site-2', two)]);
    const away = communicator('site-3');
    away.addConnector(three.first.url, Mode.ACTIVE);
    await away.start();
    await Promise.all([untilState(one.hub, 'site-2'), untilState(two.hub, 'site-3')]);
    browser = await chromium.launch({ executablePath: executablePath ?? '', args: [...CHROMIUM_ARGS] });
    page = await browser.newPage();
    page.setDefaultTimeout(50_000);
    await page.goto(dashboard.newLink());
  }, BUILD_TIMEOUT_MS);

  afterAll(async () => {
    await browser.close();
    dashboard.close();
    await three.kill();
    await stopAll();
    await server.stop();
  });

  const row = (id: string | undefined): Locator => page.locator(`[data-replica="${id}"]`);
  const hop = (from: string | undefined, to: string | undefined): Locator =>
    page.locator(`[data-hop="${from} ${to}"]`);
  const cell = (of: Locator, label: string): Locator => of.locator(`[data-label="${label}"]`);

  it('shows each replica with its endpoints, and at which one an endpoint is', async () => {
    const ids = [one.view.replica, two.view.replica, three.first.id];
    for (const id of ids) {
      await row(id).getByText('READY', { exact: true }).waitFor();
      await cell(row(id), 'Endpoints').getByText('1', { exact: true }).waitFor();
    }
    expect(await page.locator('[data-replica]').count()).toBe(3);
    await row(one.view.replica).getByText('this one', { exact: true }).waitFor();
    await page.getByRole('status').getByText('NATS connected', { exact: true }).waitFor();
    await page.locator('[data-endpoint="site-2"]').getByText(`at ${two.view.replica}`).waitFor();
    await page.getByRole('button', { name: 'site-2', exact: true }).click();
    const detail = page.getByRole('dialog', { name: 'site-2' });
    await detail.getByText(String(two.view.replica), { exact: true }).waitFor();
    await detail.getByText('It is connected to another replica.').waitFor();
    await page.keyboard.press('Escape');
    await detail.waitFor({ state: 'hidden' });
  });

  it('shows the traffic between replicas, also between two others', async () => {
    expect(await page.locator('[data-hop]').count()).toBe(0);
    for (let n = 0; n < 5; n += 1) one.hub.send('site-2', APP_ID, textMessage('hello'));
    for (let n = 0; n < 3; n += 1) two.hub.send('site-3', APP_ID, textMessage('hello'));
    await hop(one.view.replica, two.view.replica).getByText('5 in all').waitFor();
    await hop(two.view.replica, three.first.id).getByText('3 in all').waitFor();
    expect(await page.locator('[data-hop]').count()).toBe(2);
    const traffic = setInterval(() => two.hub.send('site-3', APP_ID, textMessage('hello')), 20);
    try {
      const some = /^\s*[1-9][\d.]* msg\/s\s*[1-9][\d.]* k?B\/s/;
      await cell(row(two.view.replica), 'To other replicas').filter({ hasText: some }).waitFor();
      await cell(row(three.first.id), 'From other replicas').filter({ hasText: some }).waitFor();
    } finally {
      clearInterval(traffic);
    }
  });

  it('breaks no rule of accessibility, light and dark, down to 320 pixels', async () => {
    expect(await violationsOf(page, LOOKS)).toEqual([]);
    await page.setViewportSize({ width: 1_280, height: 800 });
  });

  it('shows a replica that is killed no more, nor its traffic', async () => {
    await three.kill();
    await row(three.first.id).waitFor({ state: 'detached' });
    expect(await page.locator('[data-replica]').count()).toBe(2);
    expect(await hop(two.view.replica, three.first.id).count()).toBe(0);
    expect(await hop(one.view.replica, two.view.replica).count()).toBe(1);
  });

  it('says that NATS is away', async () => {
    await server.kill();
    await page.getByRole('status').getByText('NATS away', { exact: true }).waitFor();
    expect(await row(one.view.replica).count()).toBe(1);
    expect(await violationsOf(page, LOOKS)).toEqual([]);
  });
});
