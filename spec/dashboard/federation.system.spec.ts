import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { CHROMIUM_ARGS, chromiumPath } from '../support/chromium.js';
import { ADMIN, Deployment, MEMBER, PROJECT } from '../support/deployment.js';
import { pythonAvailable } from '../support/python.js';
import { describeFocus, violationsOf } from './accessible.js';
import { dropOn, FederationPage } from './federation-page.js';
import { writeLearningJob } from './learning-job.js';
import { BUILD_TIMEOUT_MS, preparePage } from './prepare-page.js';

const executablePath = await chromiumPath();

/** A desk, a phone, and what WCAG asks a page to fit (1.4.10). */
const LOOKS = [
  { scheme: 'light', width: 1280, height: 900 },
  { scheme: 'dark', width: 390, height: 844 },
  { scheme: 'light', width: 320, height: 640 },
] as const;
const DESK = { width: 1280, height: 900 };
const ROUNDS = 4;
/** A whole job of NVFlare starts a process for each of server and sites, which takes long on a busy machine. */
const WHOLE_JOB = { timeout: 180_000 };

const isPossible = executablePath !== undefined && pythonAvailable();

describe.skipIf(!isPossible)('the page of a federation', { timeout: 200_000 }, () => {
  let deployment: Deployment;
  let dashboard: FederationPage;
  let browser: Browser;
  let page: Page;
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'rxflare-federation-page-'));
    // One after the other: the build takes both cores.
    await preparePage();
    deployment = await Deployment.start({ version: '2.9.0', scheme: 'http' });
    browser = await chromium.launch({ executablePath: executablePath ?? '', args: [...CHROMIUM_ARGS] });
    page = await openPage();
    dashboard = new FederationPage(deployment.adminKit);
    await page.goto(await dashboard.link());
  }, BUILD_TIMEOUT_MS);

  afterAll(async () => {
    await browser.close();
    await dashboard.kill();
    await deployment.stop();
    await rm(directory, { recursive: true });
  });

  async function openPage(): Promise<Page> {
    const opened = await browser.newPage({ viewport: DESK, reducedMotion: 'reduce' });
    opened.setDefaultTimeout(50_000);
    return opened;
  }

  const button = (name: string | RegExp): Locator => page.getByRole('button', { name });
  const job = (name: string): Locator => page.getByRole('row').filter({ hasText: name });
  const isFocused = (locator: Locator) =>
    expect.poll(() => locator.evaluate((element) => element === document.activeElement));

  /** Submits a folder with the button, and goes to the job. */
  async function submit(folder: string): Promise<void> {
    const chooser = page.waitForEvent('filechooser');
    await button('Choose a folder …').click();
    await (await chooser).setFiles(folder);
    await button('Submit the job').click();
    await button('Watch it').click();
  }

  it('shows the server, the sites and who the back end is', async () => {
    await page.getByRole('status').getByText('Connected', { exact: true }).waitFor();
    await page.getByRole('heading', { level: 1, name: PROJECT }).waitFor();
    await page.getByText(ADMIN, { exact: true }).waitFor();
    const tile = (label: string) => page.locator('rxf-tile', { hasText: label });
    await tile('NVFlare').getByText('2.9.0').waitFor();
    await tile('Sites connected').getByText('of 2').waitFor();
    for (const site of deployment.sites) {
      const row = page.locator(`[data-site="${site}"]`);
      await row.getByText('connected', { exact: true }).waitFor();
      await row.locator('[data-label="Runs"]').getByText('nothing').waitFor();
      await row.locator('[data-label="NVFlare"]').getByText('2.9.0').waitFor();
    }
    await page.getByText('There are no jobs yet.').waitFor();
    expect(await violationsOf(page, LOOKS)).toEqual([]);
    await page.setViewportSize(DESK);
  });

  it('refuses a folder that is no job, and says what is missing', async () => {
    await dropOn(page, join(await writeLearningJob(directory, { name: 'no-job' }), 'app'));
    await page.getByRole('alert').getByText('“app” has no meta.json in it.').waitFor();
    await dropOn(page, join(directory, 'no-job', 'meta.json'));
    await page.getByRole('alert').getByText('Drop one folder').waitFor();
    expect(await page.getByRole('dialog').count()).toBe(0);
  });

  it('submits a folder that is dropped, once that is confirmed', async () => {
    const folder = await writeLearningJob(directory, { name: 'learning', rounds: ROUNDS, trainSeconds: 0.3 });
    await dropOn(page, folder);
    const dialog = page.getByRole('dialog', { name: 'Submit “learning”?' });
    await dialog.getByText('4 files').waitFor();
    await isFocused(dialog.getByRole('button', { name: 'Cancel' })).toBe(true);
    await page.keyboard.press('Enter');
    await dialog.waitFor({ state: 'hidden' });
    expect(await page.getByText('There are no jobs yet.').count()).toBe(1);
    await dropOn(page, folder);
    await dialog.getByRole('button', { name: 'Submit the job' }).click();
    await page.getByText('“learning” is submitted.').waitFor();
    await job('learning').getByText(ADMIN).waitFor();
    await button('Watch it').click();
    await page.getByRole('heading', { level: 2, name: 'learning' }).waitFor();
    expect(new URL(page.url()).search).toMatch(/^\?job=[\w-]+$/);
  });

  it('shows its rounds and the accuracy of each site, to its end', async () => {
    const head = page.locator('.head');
    await head.getByText('completed', { exact: true }).waitFor(WHOLE_JOB);
    await page.getByText(new RegExp(`^\\s*${ROUNDS} of ${ROUNDS} rounds done\\s*$`)).waitFor();
    await page.locator('.facts').getByText('ScatterAndGather').waitFor();
    const chart = page.locator('rxf-line-chart', { has: page.getByRole('heading', { name: 'accuracy' }) });
    for (const site of deployment.sites) await chart.getByRole('button', { name: site }).waitFor();
    await page.getByText(/^\s*best accuracy 0\.\d+ in round \d\s*$/).waitFor();
    const timeline = page.getByRole('list', { name: 'Timeline' });
    await timeline.getByText('completed').waitFor();
    const steps = await timeline.locator('.status').allTextContents();
    expect(steps).toEqual(expect.arrayContaining(['submitted', 'running', 'completed']));
  });

  it('tells the values of a chart by key, and as a table', async () => {
    const slider = page.getByRole('slider', { name: 'accuracy by round' });
    await slider.focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowRight');
    const values = () => slider.getAttribute('aria-valuetext');
    await expect.poll(values).toMatch(/^round 2: .*site-1 0\.\d+, .*site-2 0\.\d+/);
    const told = (await values()) ?? '';
    const value = /site-1 (\S+),/.exec(told)?.[1] ?? '';
    await page.locator('.tip').getByText(value).waitFor();
    await page.getByText('As a table').click();
    const row = page
      .getByRole('row')
      .filter({ has: page.getByRole('rowheader', { name: '2', exact: true }) });
    await row.getByRole('cell', { name: value, exact: true }).waitFor();
  });

  it('shows the logs, and finds lines in them', async () => {
    const log = page.getByRole('tabpanel', { name: 'Log of server' });
    await page.getByRole('tab', { name: 'server' }).waitFor();
    await page.getByLabel('Find in this log').fill('new best validation metric');
    await expect.poll(() => log.getByRole('listitem').count()).toBeGreaterThan(0);
    const lines = await log.getByRole('listitem').allTextContents();
    expect(lines.filter((line) => !line.includes('new best validation metric at round'))).toEqual([]);
    await page.getByLabel('Find in this log').fill('');
    await page.getByRole('tab', { name: 'server' }).focus();
    await page.keyboard.press('ArrowRight');
    await isFocused(page.getByRole('tab', { name: 'site-1' })).toBe(true);
    const ofSite = page.getByRole('tabpanel', { name: 'Log of site-1' });
    await ofSite.getByText(/Round 3: accuracy 0\.\d+ of the global model/).waitFor();
  });

  it('breaks no rule with a job in full', async () => {
    expect(await violationsOf(page, LOOKS)).toEqual([]);
    await page.setViewportSize(DESK);
  });

  it('downloads the result as a zip, once that is confirmed', async () => {
    await button('Download …').click();
    const downloading = page.waitForEvent('download');
    const dialog = page.getByRole('dialog', { name: 'Download the result of “learning”?' });
    await dialog.getByRole('button', { name: 'Download', exact: true }).click();
    const download = await downloading;
    expect(download.suggestedFilename()).toMatch(/^[\w-]+\.zip$/);
    const zip = await readFile(await download.path());
    expect(zip.subarray(0, 2).toString()).toBe('PK');
    expect(zip.includes('workspace/models/server.npy')).toBe(true);
    await page.getByText('Your browser saves').waitFor();
  });

  it('goes back to the job in the list, by the browser and by the button', async () => {
    await button('All jobs').click();
    const name = job('learning').getByRole('button');
    await isFocused(name).toBe(true);
    await page.goBack();
    await isFocused(page.getByRole('heading', { level: 2, name: 'learning' })).toBe(true);
    await page.goBack();
    await isFocused(name).toBe(true);
    expect(new URL(page.url()).search).toBe('');
  });

  it('says why a job failed, and which site it hit', async () => {
    await submit(await writeLearningJob(directory, { name: 'failing', failsAt: 'site-2' }));
    await page.locator('.head').getByText('failed', { exact: true }).waitFor(WHOLE_JOB);
    const failure = page.getByRole('region', { name: 'Why it failed' });
    await failure.getByRole('button', { name: 'site-2' }).click();
    await page.getByRole('tab', { name: 'site-2', selected: true }).waitFor();
    await isFocused(page.getByRole('heading', { name: 'Log', exact: true })).toBe(true);
    expect(await violationsOf(page, LOOKS)).toEqual([]);
    await page.setViewportSize(DESK);
    await button('All jobs').click();
  });

  it('aborts a job, once that is confirmed, and gives the focus back', async () => {
    await submit(await writeLearningJob(directory, { name: 'long', rounds: 1_000, trainSeconds: 0.5 }));
    await page.locator('.head').getByText('running', { exact: true }).waitFor();
    // The server calls it so before its sites have begun, and an abort that comes in between may take long.
    await page.getByText(/^\s*[1-9]\d* of \S+ rounds done\s*$/).waitFor();
    await button('Abort …').focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Abort “long”?' });
    await isFocused(dialog.getByRole('button', { name: 'Let it run' })).toBe(true);
    expect(await violationsOf(page, LOOKS)).toEqual([]);
    await page.setViewportSize(DESK);
    await page.keyboard.press('Escape');
    await isFocused(button('Abort …')).toBe(true);
    await page.keyboard.press('Enter');
    await isFocused(dialog.getByRole('button', { name: 'Let it run' })).toBe(true);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.locator('.head').getByText('aborted', { exact: true }).waitFor(WHOLE_JOB);
    await button('All jobs').click();
  });

  it('filters and sorts the jobs', async () => {
    const names = () => page.locator('[data-job] .open').allTextContents();
    await expect.poll(names).toEqual(['long', 'failing', 'learning']);
    await page.getByRole('columnheader', { name: 'Job' }).getByRole('button').click();
    await expect.poll(names).toEqual(['failing', 'learning', 'long']);
    await page.getByRole('columnheader', { name: 'Submitted' }).getByRole('button').click();
    await page.getByLabel('Show jobs that are').selectOption('failed');
    await expect.poll(names).toEqual(['failing']);
    await page.getByLabel('Show jobs that are').selectOption('');
    await page.getByLabel('Find a job').fill('LEARN');
    await expect.poll(names).toEqual(['learning']);
    await page.getByLabel('Find a job').fill('');
  });

  it('takes a keyboard through all controls in order, and from job to job by arrow', async () => {
    await page.evaluate(() => scrollTo(0, 0));
    await page.mouse.click(1, 1);
    const walk: string[] = [];
    for (let last = ''; last !== 'learning'; walk.push(last)) {
      await page.keyboard.press('Tab');
      const focus = await page.evaluate(describeFocus);
      expect(focus, `after ${last}`).toMatchObject({ isOutlined: true, isInSight: true });
      last = focus.name;
      if (walk.length > 30) break;
    }
    const columns = ['Job', 'State', 'Submitter', 'Submitted', 'Duration'];
    expect(walk).toEqual([
      'Choose a folder …',
      'Show jobs that are',
      'Find a job',
      ...columns,
      'long',
      'failing',
      'learning',
    ]);
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    await isFocused(job('long').getByRole('button')).toBe(true);
  });

  it('hides what changes from who may only look', async () => {
    const looking = new FederationPage(deployment.memberKit, '--read-only');
    const other = await openPage();
    try {
      await other.goto(await looking.link());
      await other.getByText('Read-only', { exact: true }).waitFor();
      await other.getByText(MEMBER, { exact: true }).waitFor();
      await other.getByRole('button', { name: 'learning' }).click();
      await other.getByRole('button', { name: 'Download …' }).waitFor();
      for (const name of ['Delete …', 'Submit again …', 'Choose a folder …'])
        expect(await other.getByRole('button', { name }).count(), name).toBe(0);
    } finally {
      await other.close();
      await looking.kill();
    }
  });

  it('says that the back end has gone, and keeps what it told', async () => {
    await dashboard.kill();
    await page.getByText('does not answer. Is it running?').waitFor();
    expect(await page.locator('[data-job]').count()).toBe(3);
    expect(await violationsOf(page, LOOKS)).toEqual([]);
  });
});
