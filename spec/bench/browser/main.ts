/** rxflare in a page of Chromium beside the WebSocket that it uses there, both ways. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { chromium, type Page } from 'playwright-core';

import { CHROMIUM_ARGS, chromiumPath } from '../../support/chromium.js';
import { servePage } from '../../support/page-server.js';
import { Child } from '../child.js';
import { describeBytes, describeRate } from '../report.js';
import { median } from '../statistics.js';
import type { HubRequest, HubUrls } from './hub.js';
import type { BrowserRow, BrowserSystem, Direction } from './row.js';
import type { Series } from './series.js';

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, json: { type: 'string' } },
});

const SIZES = [100, 10_000, 1_000_000, 16_000_000];
const SYSTEMS: readonly BrowserSystem[] = ['rxflare', 'WebSocket'];
const DIRECTIONS: readonly Direction[] = ['page to Node', 'Node to page'];
const ROUNDS = options.quick ? 1 : 9;
/** How long one measurement should take. */
const TARGET_SECONDS = options.quick ? 0.1 : 0.5;

const executablePath = await chromiumPath();
if (executablePath === undefined) throw new Error('there is no Chromium');
const pages = await servePage(fileURLToPath(new URL('page.ts', import.meta.url)));
const hub = new Child<HubRequest>(new URL('hub.ts', import.meta.url));
const urls = await hub.ask<HubUrls>({ do: 'listen', origin: pages.origin });
const browser = await chromium.launch({ executablePath, args: [...CHROMIUM_ARGS] });
const rows: BrowserRow[] = [];
try {
  const page = await browser.newPage();
  await page.goto(pages.origin);
  await page.evaluate(([to]) => window.bench.connect(to), [urls] as const);
  for (const direction of DIRECTIONS)
    for (const bytes of SIZES) rows.push(await measure(page, direction, bytes));
} finally {
  await browser.close();
  await hub.ask({ do: 'close' });
  await hub.end();
  await pages.close();
}
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(rows, undefined, 2)}\n`);

/** Both take turns in each round, and begin in turn. */
async function measure(page: Page, direction: Direction, bytes: number): Promise<BrowserRow> {
  const run = direction === 'page to Node' ? fromPage : toPage;
  const counts = new Map<BrowserSystem, number>();
  for (const system of SYSTEMS)
    counts.set(system, await calibrate((count) => run(page, system, { bytes, count })));
  const rates: Record<BrowserSystem, number[]> = { rxflare: [], WebSocket: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    const [count, order] = [counts, round % 2 === 0 ? SYSTEMS : SYSTEMS.toReversed()];
    for (const system of order) {
      const many = count.get(system) ?? 1;
      rates[system].push(many / (await run(page, system, { bytes, count: many })));
    }
  }
  const row: BrowserRow = {
    direction,
    bytes,
    rxflarePerSecond: median(rates.rxflare),
    webSocketPerSecond: median(rates.WebSocket),
  };
  tell(row);
  return row;
}

function fromPage(page: Page, system: BrowserSystem, series: Series): Promise<number> {
  return page.evaluate(([name, some]) => window.bench.send(name, some), [system, series] as const);
}

async function toPage(page: Page, system: BrowserSystem, series: Series): Promise<number> {
  const received = page.evaluate(([name]) => window.bench.receive(name), [system] as const);
  // The page listens before it answers the next question.
  await page.evaluate(() => undefined);
  const [seconds] = await Promise.all([received, hub.ask({ do: 'send-series', system, ...series })]);
  return seconds;
}

/** How many take about the target time. */
async function calibrate(secondsOf: (count: number) => Promise<number>): Promise<number> {
  for (let count = 2; ; count *= 4) {
    const seconds = await secondsOf(count);
    if (seconds > TARGET_SECONDS / 4) return Math.max(2, Math.ceil((count * TARGET_SECONDS) / seconds));
  }
}

function tell({ direction, bytes, rxflarePerSecond, webSocketPerSecond }: BrowserRow): void {
  const figures = [rxflarePerSecond, webSocketPerSecond].map((rate) => describeRate(rate, bytes));
  const ratio = (rxflarePerSecond / webSocketPerSecond).toFixed(2);
  process.stdout.write(
    `${direction}, ${describeBytes(bytes)}: rxflare ${figures.join(', WebSocket ')}, ${ratio} of it\n`,
  );
}
