/**
 * Makes the pictures of the dashboard in the guide, with a hub and sites of its own:
 * `npm run dashboard:pictures [directory]`.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

import { serveDashboard } from '../../lib/cli/dashboard.js';
import { Communicator, Endpoint, Mode, textMessage } from '../../lib/index.js';
import { serveStats } from '../../lib/monitor/index.js';
import { testCertificates } from '../support/certificates.js';
import { CHROMIUM_ARGS, chromiumPath } from '../support/chromium.js';
import { untilState } from '../support/communicators.js';
import { preparePage } from './prepare-page.js';

const [directory = fileURLToPath(new URL('../../docs/images', import.meta.url))] = process.argv.slice(2);
/** What the page shows and sends by itself. */
const APP_ID = 100;
const TRAFFIC = 9;
const SITES = [
  { name: 'site-1', scheme: 'stcp', pace: 0.5 },
  { name: 'site-2', scheme: 'http', pace: 0.33 },
  { name: 'site-3', scheme: 'grpc', pace: 0.21 },
];
const TICK_MS = 50;
/** About a minute, half of what the charts show. */
const TICKS = 1_200;

await preparePage();
const { ca, hub: pair, site1 } = await testCertificates();
const own = { ca_cert: ca, server_cert: pair.cert, server_key: pair.key };
const hub = new Communicator(new Endpoint('hub', {}, own));
const urls = new Map<string, string>();
hub.lifecycle$.subscribe((event) => {
  // That of the page is on a path.
  if (event.type === 'listening' && !event.url.endsWith('/f3'))
    urls.set(event.url.split(':', 1)[0] ?? '', event.url);
});
for (const scheme of ['tcp', 'stcp', 'http', 'grpc'])
  hub.addConnector(`${scheme}://127.0.0.1:0`, Mode.PASSIVE);
let received = 0;
hub.registerMessageReceiver(TRAFFIC, ({ endpoint, message: { payload } }) => {
  received += 1;
  if (received % 3 === 0) return; // Two of three are answered.
  hub.send(endpoint, TRAFFIC, { payload: payload?.subarray(0, payload.length / 3) });
});
const dashboard = await serveDashboard(hub, 0, APP_ID);
serveStats(hub, { allow: dashboard.isPage, history: true });
await hub.start();

async function joinHub(name: string, scheme: string): Promise<Communicator> {
  const site = new Communicator(
    new Endpoint(
      name,
      { site_type: 'hospital', gpu: 'A100 x 4', nvflare: '2.9.0' },
      { ca_cert: ca, client_cert: site1.cert, client_key: site1.key },
    ),
  );
  site.addConnector(urls.get(scheme) ?? '', Mode.ACTIVE);
  site.messages(APP_ID).subscribe(({ endpoint }) => {
    site.send(endpoint, APP_ID, textMessage('accuracy 0.94 after round 12'));
  });
  site.messages(TRAFFIC).subscribe();
  await site.start();
  await untilState(site, 'hub');
  return site;
}

const executablePath = (await chromiumPath()) ?? '';
const browser = await chromium.launch({ executablePath, args: [...CHROMIUM_ARGS] });
const page = await browser.newPage({ viewport: { width: 1280, height: 1120 } });
await page.goto(dashboard.newLink());
const gone = await joinHub('site-4.job-7', 'tcp');
const sites = await Promise.all(
  SITES.map(async ({ name, scheme, pace }) => ({ pace, site: await joinHub(name, scheme) })),
);

let tick = 0;
const traffic = setInterval(() => {
  tick += 1;
  for (const { site, pace } of sites) {
    const wave = 2 + Math.sin((tick * pace) / 25) + Math.sin((tick * pace) / 61);
    for (let n = 0; n < wave * 1.4; n += 1)
      site.send('hub', TRAFFIC, { payload: new Uint8Array(1_000 + 900 * wave) });
  }
}, TICK_MS);
await sleep((TICKS * TICK_MS) / 2);
await gone.stop();
await sleep((TICKS * TICK_MS) / 2);
await page.getByRole('button', { name: 'Write to site-2' }).click();
await page.keyboard.type('How far are you?');
await page.keyboard.press('Enter');
await page.getByRole('log').getByText('accuracy').waitFor();
await page.evaluate(() => {
  (document.activeElement as HTMLElement).blur();
  scrollTo(0, 0);
});
await sleep(1_500);

for (const [name, colorScheme, width, height] of [
  ['light', 'light', 1280, 1120],
  ['dark', 'dark', 1280, 1120],
  ['phone', 'dark', 360, 1500],
] as const) {
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize({ width, height });
  await page.screenshot({ path: join(directory, `dashboard-${name}.png`) });
}

await page.getByRole('button', { name: 'site-1', exact: true }).click();
await page.getByRole('dialog').getByText('A100').waitFor();
for (const [name, colorScheme, width, height] of [
  ['detail', 'light', 1280, 1120],
  ['detail-phone', 'dark', 360, 1100],
] as const) {
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize({ width, height });
  await page.screenshot({ path: join(directory, `dashboard-${name}.png`) });
}

clearInterval(traffic);
await browser.close();
dashboard.close();
await Promise.all([hub, ...sites.map(({ site }) => site)].map((each) => each.stop()));
