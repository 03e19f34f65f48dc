/**
 * Makes the pictures of a federation's dashboard in the guide, from a deployment of its own whose jobs run, fail and are
 * aborted: `npx tsx spec/dashboard/federation-pictures.ts [directory]`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium, type Page } from 'playwright-core';

import { serveFlarePage } from '../../lib/cli/flare-dashboard-page.js';
import { connectSession } from '../../lib/flare/index.js';
import { CHROMIUM_ARGS, chromiumPath } from '../support/chromium.js';
import { Deployment } from '../support/deployment.js';
import { dropOn } from './federation-page.js';
import { type LearningJob, writeLearningJob } from './learning-job.js';
import { preparePage } from './prepare-page.js';

const [directory = fileURLToPath(new URL('../../docs/images', import.meta.url))] = process.argv.slice(2);
/** A job takes as long on a machine that has more to do. */
const TIMEOUT_MS = 180_000;
const SITES = ['berlin', 'oslo', 'toronto'];
const [WIDE, PHONE] = [
  { width: 1280, height: 1120 },
  { width: 390, height: 1560 },
];

await preparePage();
const folder = await mkdtemp(join(tmpdir(), 'rxflare-pictures-'));
const deployment = await Deployment.start({ version: '2.9.0', scheme: 'http', sites: SITES });
const session = await connectSession(deployment.adminKit);
const dashboard = await serveFlarePage(session, { port: 0 });
const browser = await chromium.launch({
  executablePath: (await chromiumPath()) ?? '',
  args: [...CHROMIUM_ARGS],
});
const page = await browser.newPage({ viewport: WIDE });
page.setDefaultTimeout(TIMEOUT_MS);
await page.goto(dashboard.newLink());

/** Drops a job on the page, and goes to it. */
async function submit(job: LearningJob): Promise<void> {
  const path = await writeLearningJob(folder, { minClients: SITES.length, ...job });
  await page.getByText('Drop its folder anywhere').or(page.getByText('is submitted.')).waitFor();
  await dropOn(page, path);
  await page.getByRole('button', { name: 'Submit the job' }).click();
  await page.getByText(`“${job.name}” is submitted.`).waitFor();
  await page.getByRole('button', { name: 'Watch it' }).click();
  await page.getByRole('heading', { level: 2, name: job.name }).waitFor();
}

/** Waits until the job that is shown has an outcome. */
function untilShown(outcome: string, on: Page = page): Promise<void> {
  return on.locator('.head').getByText(outcome, { exact: true }).waitFor();
}

async function goBack(): Promise<void> {
  await page.getByRole('button', { name: 'All jobs' }).click();
}

async function take(name: string, colorScheme: 'light' | 'dark', size: typeof WIDE): Promise<void> {
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize(size);
  await page.evaluate(() => {
    (document.activeElement as HTMLElement).blur();
    scrollTo(0, 0);
  });
  await page.screenshot({ path: join(directory, `federation-${name}.png`) });
}

await submit({ name: 'skin-lesions', rounds: 6 });
await untilShown('completed');
await goBack();
await submit({ name: 'chest-x-ray', rounds: 6, failsAt: 'oslo' });
await untilShown('failed');
await page.getByRole('region', { name: 'Why it failed' }).waitFor();
await take('failed', 'light', WIDE);
await goBack();
await submit({ name: 'retina-scans', rounds: 1_000, trainSeconds: 1 });
await page.getByText(/^\s*1 of 1000 rounds done\s*$/).waitFor();
await page.getByRole('button', { name: 'Abort …' }).click();
await page.getByRole('button', { name: 'Abort the job' }).click();
await untilShown('aborted');
await goBack();
await submit({ name: 'tumor-segmentation', rounds: 16, trainSeconds: 1 });
await page.getByText(/^\s*10 of 16 rounds done\s*$/).waitFor();
await take('job-light', 'light', WIDE);
await take('job-dark', 'dark', WIDE);
await take('phone', 'dark', PHONE);
await page.setViewportSize(WIDE);
await goBack();
await page.getByText('tumor-segmentation').first().waitFor();
await page
  .locator('[data-label="Runs"]')
  .getByText('tumor-segmentation')
  .nth(SITES.length - 1)
  .waitFor();
await take('light', 'light', { ...WIDE, height: 900 });

await browser.close();
await dashboard.close();
await session.close();
await deployment.stop();
await rm(folder, { recursive: true });
