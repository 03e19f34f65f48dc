import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import * as browser from '../../lib/browser.js';
import * as browserDrivers from '../../lib/drivers/browser.js';
import * as drivers from '../../lib/drivers/index.js';
import * as node from '../../lib/index.js';
import * as metricsEntry from '../../lib/metrics/index.js';
import * as monitor from '../../lib/monitor/index.js';
import * as nest from '../../lib/nest/index.js';
import * as testing from '../../lib/testing/index.js';
import { type Block, blocksOf, ROOT } from './blocks.js';

/** What the comment of a function takes for granted. */
const GIVEN = [
  "import { createServer } from 'node:http';",
  "import express from 'express';",
  "import { map } from 'rxjs';",
  "import { TestScheduler } from 'rxjs/testing';",
  "import { metrics, trace } from '@opentelemetry/api';",
  importOf(metricsEntry, 'rxflare/metrics'),
  importOf(monitor, 'rxflare/monitor'),
  importOf(nest, 'rxflare/nest'),
  importOf(testing, 'rxflare/testing'),
  "const hub = new Communicator(new Endpoint('hub'));",
  "const site = new Communicator(new Endpoint('site-1'));",
  'const scheduler = new TestScheduler((actual, expected) => assert.deepEqual(actual, expected));',
];

/** The examples in the comments of the library, each as a program that says "done" at its end. */
export const examples: readonly Block[] = readdirSync(join(ROOT, 'lib'), {
  recursive: true,
  encoding: 'utf8',
})
  .filter((path) => path.endsWith('.ts'))
  .flatMap((path) => examplesIn(join('lib', path)));

function examplesIn(path: string): Block[] {
  const source = readFileSync(join(ROOT, path), 'utf8');
  // Lines stay where they are.
  const comments = source.replaceAll(/^(?! *\*).*$/gm, '').replaceAll(/^ *\* ?/gm, '');
  return blocksOf(comments, path).map((block) => ({
    ...block,
    words: ['run'],
    code: programOf(block.code, path.endsWith('browser.ts')),
    output: 'done',
  }));
}

/** Everything before the example is on one line, so that errors name the right one. */
function programOf(example: string, isForBrowsers: boolean): string {
  const entries = isForBrowsers
    ? [importOf(browser, inLib('browser.js')), importOf(browserDrivers, inLib('drivers/browser.js'))]
    : [importOf(node, 'rxflare'), importOf(drivers, 'rxflare/drivers')];
  const given = ["import assert from 'node:assert/strict';", ...entries, ...GIVEN].join(' ');
  return `${given} async function example() {\n${example}}\nawait example();\nconsole.log('done');\nprocess.exit();\n`;
}

function importOf(entry: object, from: string): string {
  return `import { ${Object.keys(entry).join(', ')} } from '${from}';`;
}

function inLib(path: string): string {
  return join(ROOT, 'lib', path);
}
