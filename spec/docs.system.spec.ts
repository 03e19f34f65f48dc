import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { stop as stopEsbuild } from 'esbuild';
import { afterAll, describe, expect, it } from 'vitest';

import { blocks, blocksOf, pages, ROOT, valueOf } from './docs/blocks.js';
import { examples } from './docs/examples.js';
import { brokenLinks } from './docs/links.js';
import { play } from './docs/play.js';
import { isSpec, scenesOf, unproven } from './docs/scenes.js';
import { typeErrors } from './docs/type-errors.js';
import { startAngular } from './docs/angular-tests.js';
import { makeWorkspace } from './docs/workspace.js';
import { INSTALL } from './package/project.js';
import { chromiumPath } from './support/chromium.js';

// The words behind the fences are explained in CONTRIBUTING.md, under "Code in the guides".

/** What these tests cannot run, and why not. */
const ELSEWHERE = new Map([
  [INSTALL, 'spec/package runs it, with the packed package'],
  ['npx rxflare ping --kit site-1', 'spec/cli/kit.system.spec.ts runs it, with a kit'],
  ['npx rxflare listen --kit server', 'spec/cli/kit.system.spec.ts runs it, with a kit'],
  [
    'npx rxflare flare submit ./fedavg --kit admin@nvidia.com --watch',
    'spec/interop/flare-command.spec.ts runs it, with a deployment',
  ],
  [
    'npx rxflare flare dashboard --kit admin@nvidia.com',
    'spec/dashboard/federation.system.spec.ts runs it, with a deployment',
  ],
  ['npm ci && npm test', 'this is a part of it'],
  ['npm run soak -- --seconds 120 --seed 1', 'spec/soak/soak.system.spec.ts runs it for five seconds'],
  [
    'npm run soak -- --cluster --seconds 300 --seed 1',
    'spec/soak/cluster/cluster-soak.system.spec.ts runs each fault once',
  ],
]);

const CHECK_TIMEOUT_MS = 120_000;
const SCENE_TIMEOUT_MS = 180_000;

const copies = blocks.filter((block) => valueOf(block, 'of') !== undefined);
const code = blocks.filter((block) => block.language === 'ts' && !copies.includes(block));
// Those that need Python are played by spec/interop, those that need the built dashboard by spec/dashboard.
const scenes = scenesOf(blocks).filter(({ needs }) => needs === undefined || needs === 'chromium');
const browser = scenes.some(({ needs }) => needs === 'chromium') ? await chromiumPath() : undefined;
const workspace = await makeWorkspace();

afterAll(async () => {
  await stopEsbuild();
  await workspace.remove();
});

describe('the code in the guides', () => {
  it('runs, all of it', () => {
    expect(unproven(blocks, ELSEWHERE.keys())).toEqual([]);
    const commands = blocks.map((block) => block.code.trim());
    expect([...ELSEWHERE.keys()].filter((command) => !commands.includes(command))).toEqual([]);
  });

  it('takes an app ID of its own, and leaves 1 to cells', () => {
    const taken = code.filter(({ code }) =>
      /AppIds\.DEFAULT|(messages|registerMessageReceiver)\(1\b/.test(code),
    );
    expect(taken.map(({ place }) => place)).toEqual([]);
  });

  it('would be found where nothing runs it', () => {
    const sample = [
      '```ts\n1;\n```',
      '```ts file=lonely.ts\n2;\n```',
      '```ts run with=nobody\n3;\n```',
      '```ts run fast\n4;\n```',
      '```sh\nnpm start\n```',
      '```json\n{}\n```',
      '```text output\nof nothing\n```',
      "```ts run\nimport { three } from './used.js';\n```",
      "```ts file=used.ts\nimport { three } from './used-by-used.js';\n```",
      '```ts file=used-by-used.ts\n5;\n```',
      '```ts serve\n6;\n```',
    ];
    expect(unproven(blocksOf(sample.join('\n'), 'a.md'), [])).toEqual([
      'a.md:1: nothing runs or imports it',
      'a.md:4: nothing runs or imports it',
      'a.md:7: nothing serves nobody',
      'a.md:10: fast is no word that says how to run it',
      'a.md:13: nothing runs or imports it',
      'a.md:16: nothing runs json',
      'a.md:19: output is no word that says how to run it',
      'a.md:31: it goes on and shows nothing, so nobody can tell that it works',
    ]);
    expect(() => blocksOf('```\nno language\n```', 'a.md')).toThrow('a.md');
    expect(() => blocksOf(' ```ts run\n indented\n ```', 'a.md')).toThrow('a.md');
  });

  it(
    'typechecks with the options of a new Angular application, and would not with a mistake in it',
    () => {
      const [mistake] = blocksOf(
        "```ts\nimport { nothing } from 'rxflare';\nconst ids: Record<string, number> = { a: nothing() };\nids.a;\n```",
        'a.md',
      );
      const bad = mistake === undefined ? [] : [mistake];
      expect(typeErrors([...code, ...examples, ...bad])).toEqual([
        expect.stringMatching(/^a\.md:2: .*no exported member 'nothing'/) as unknown,
        expect.stringMatching(/^a\.md:4: .*index signature/) as unknown,
      ]);
    },
    CHECK_TIMEOUT_MS,
  );

  it.each(copies)('is the file that it says: $place', (block) => {
    expect(block.code).toBe(readFileSync(join(ROOT, valueOf(block, 'of') ?? ''), 'utf8'));
  });
});

describe.concurrent('the programs in the guides', () => {
  it.each(scenes.filter(({ needs }) => needs === undefined))(
    'run: $place',
    (scene) => play(scene, workspace),
    SCENE_TIMEOUT_MS,
  );

  it.each(scenesOf(examples))(
    'run, those in the comments of the library too: $place',
    (scene) => play(scene, workspace),
    SCENE_TIMEOUT_MS,
  );

  it.skipIf(browser === undefined).each(scenes.filter(({ needs }) => needs === 'chromium'))(
    'run in a page: $place',
    (scene) => play(scene, workspace),
    SCENE_TIMEOUT_MS,
  );

  it.each([
    ['```sh run\necho hello\n```\n```text output\ngoodbye\n```', 'did not print\ngoodbye'],
    ['```sh run\necho hello && exit 3\n```\n```text output\nhello\n```', 'ended with 3, not with 0'],
    ['```ts run\nawait Promise.reject(new Error("broken"));\n```', 'ended with 1, not with 0'],
    ['```sh serve\necho hello\n```\n```text output\ngoodbye\n```', 'did not print\ngoodbye'],
    ['```sh serve=a\necho hello\n```\n```ts run with=a\n1;\n```', 'ended with 0, and should go on'],
    [
      "```ts serve\nprocess.once('SIGTERM', () => process.exit(4));\nsetInterval(() => console.log('on'), 9);\n```\n" +
        '```text output\non\n```',
      'ended with 4 after SIGTERM, not with 0',
    ],
  ])('would be found broken: %j', async (markdown, problem) => {
    const played = scenesOf(blocksOf(markdown, 'a.md')).map((scene) => play(scene, workspace));
    await expect(Promise.all(played)).rejects.toThrow(problem);
  });
});

// Specs of the guides, where no command there runs them.
const commands = blocks.filter(({ language }) => language === 'sh').map((block) => block.code);
const stage = await workspace.stage(false);
afterAll(startAngular());
for (const block of code.filter(isSpec)) {
  const path = valueOf(block, 'file') ?? '';
  if (!commands.some((command) => command.includes(path)))
    await import(pathToFileURL(join(stage.directory, path)).href);
}

describe('the links in the guides', () => {
  it.each([...pages])('lead somewhere: %s', (page, markdown) => {
    expect(brokenLinks(markdown, page)).toEqual([]);
  });

  it('would be found broken', () => {
    const sample =
      '# A title, `code`\n[1](#a-title-code) [2](#nowhere) [3](README.md) [4](nothing.md) [5](https://x.y/z)';
    expect(brokenLinks(sample, 'sample.md')).toEqual(['#nowhere', 'nothing.md']);
  });
});
