/**
 * Makes the pictures of the dashboard in the guide, with a hub and sites of its own:
 * `npm run dashboard:pictures [directory]`.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

import { AppIds, Communicator, Endpoint, textMessage } from '../../lib/index.js';
import { testCertificates } from '../support/certificates.js';
import { CHROMIUM_ARGS, chromiumPath } from '../support/chromium.js';
import { ExampleHub, type Scheme } from './example-hub.js';
import { preparePage } from './prepare-page.js';

const [directory = fileURLToPath(new URL('../../docs/images', import.meta.url))] = process.argv.slice(2);
const { DEFAULT } = AppIds;
const SITES = [
  { name: 'site-1', scheme: 'stcp', pace: 0.5 },
  { name: 'site-2', scheme: 'http', pace: 0.33 },
  { name: 'site-3', scheme: 'grpc', pace: 0.21 },
] as const satisfies readonly { name: string; scheme: Scheme; pace: number }[];
const TICK_MS = 50;
const TICKS = 1_600;

await preparePage();
const { ca, hub: pair, site1 } = await testCertificates();
const tls = new URLSearchParams({ ca_cert: ca, server_cert: pair.cert, server_key: pair.key });
const hub = new ExampleHub(0, `stcp://127.0.0.1:0?${tls.toString()}`);
const connProps = { ca_cert: ca, client_cert: site1.cert, client_key: site1.key };
const newSite = (name: string) => new Communicator(new Endpoint(name, {}, connProps));
const executablePath = (await chromiumPath()) ?? '';
const browser = await chromium.launch({ executablePath, args: [...CHROMIUM_ARGS] });
const page = await browser.newPage({ viewport: { width: 1280, height: 1120 } });
await page.goto(await hub.url('page'));
const gone = await hub.join(newSite('site-4.job-7'), 'tcp');
const sites = await Promise.all(
  SITES.map(async ({ name, scheme, pace }) => ({ pace, site: await hub.join(newSite(name), scheme) })),
);
for (const { site } of sites)
  site.messages(DEFAULT).subscribe(({ endpoint, message }) => {
    const answer = message.payload?.length === 1 ? '' : `accuracy 0.94 after round 12`;
    site.send(endpoint, DEFAULT, answer === '' ? { payload: new Uint8Array(4_000) } : textMessage(answer));
  });
await gone.stop();

for (let tick = 0; tick < TICKS; tick += 1) {
  for (const { site, pace } of sites) {
    const wave = 2 + Math.sin((tick * pace) / 25) + Math.sin((tick * pace) / 61);
    for (let n = 0; n < wave * 1.4; n += 1)
      site.send('hub', 9, { payload: new Uint8Array(1_000 + 900 * wave) });
  }
  await sleep(TICK_MS);
}
await page.getByRole('button', { name: 'Write to site-2' }).click();
await page.keyboard.type('How far are you?');
await page.keyboard.press('Enter');
await page.getByRole('log').getByText('accuracy').waitFor();
await page.getByRole('log').click();
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

await browser.close();
await Promise.all(sites.map(({ site }) => site.stop()));
await hub.kill();
