import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

import ts from 'typescript';
import { afterAll, describe, expect, it } from 'vitest';

import { testCertificates } from './support/certificates.js';

/*
 * The code in the guides is a part of the package. A block that begins with
 *
 *   ```ts                     is typechecked as a module of its own
 *   ```ts file=dir/name.ts    the same, and other blocks may import it from there
 *   ```ts run                 the same, and run as a program; it must end by itself. With file= it runs there
 *
 * and ```text output behind a program is what it prints.
 */

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const RUN_TIMEOUT_MS = 30_000;
const CHECK_TIMEOUT_MS = 120_000;

interface Block {
  /** `docs/getting-started.md:12`. */
  readonly place: string;
  /** The words behind the fence: `ts`, `run`. */
  readonly words: readonly string[];
  readonly code: string;
}

interface Program extends Block {
  readonly output: string | undefined;
}

const pages = ['.', 'docs'].flatMap((directory) =>
  readdirSync(join(ROOT, directory))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(directory, name)),
);
const text = new Map(pages.map((page) => [page, readFileSync(join(ROOT, page), 'utf8')]));
const blocks = [...text].flatMap(([page, markdown]) => blocksOf(markdown, page));
const code = blocks.filter(({ words: [language] }) => language === 'ts');
const programs = blocks.flatMap((block, index): Program[] => {
  if (!block.words.includes('run')) return [];
  const next = blocks[index + 1];
  return [{ ...block, output: next?.words.join(' ') === 'text output' ? next.code : undefined }];
});

const workspace = await makeWorkspace();

afterAll(() => rm(workspace, { recursive: true, force: true }));

describe('the code in the guides', () => {
  it('has blocks, and programs with their output', () => {
    expect(code.length).toBeGreaterThan(10);
    expect(programs.filter(({ output }) => output !== undefined).length).toBeGreaterThan(2);
  });

  it(
    'typechecks, and would not with a mistake in it',
    () => {
      const mistake = {
        place: 'a.md:1',
        words: ['ts'],
        code: "import { nothing } from 'rxflare';\nnothing();",
      };
      expect(typeErrors([...code, mistake])).toEqual([
        expect.stringMatching(/^a\.md:2: .*no exported member 'nothing'/) as unknown,
      ]);
    },
    CHECK_TIMEOUT_MS,
  );

  it.each(programs)(
    'runs: $place',
    async (program) => {
      const { code: source, output, place } = program;
      const path = join(workspace, fileOf(program) ?? `${place.replaceAll(/\W/g, '-')}.ts`);
      await writeFile(path, source);
      const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', path], {
        cwd: workspace,
        env: { ...process.env, TSX_TSCONFIG_PATH: join(ROOT, 'tsconfig.json'), DEBUG: '' },
        timeout: RUN_TIMEOUT_MS,
      });
      if (output !== undefined) expect(stdout.trim()).toBe(output.trim());
    },
    RUN_TIMEOUT_MS,
  );
});

// The driver of docs/writing-a-driver.md, by the spec that the guide gives for it.
for (const block of code) {
  const path = fileOf(block);
  if (path?.endsWith('.spec.ts') === true) await import(pathToFileURL(join(workspace, path)).href);
}

describe('the links in the guides', () => {
  it.each(pages)('lead somewhere: %s', (page) => {
    expect(brokenLinks(text.get(page) ?? '', page)).toEqual([]);
  });

  it('would be found broken', () => {
    const sample =
      '# A title, `code`\n[1](#a-title-code) [2](#nowhere) [3](README.md) [4](nothing.md) [5](https://x.y/z)';
    expect(brokenLinks(sample, 'sample.md')).toEqual(['#nowhere', 'nothing.md']);
  });
});

function blocksOf(markdown: string, page: string): Block[] {
  const found = markdown.matchAll(/^```(\S+)([^\n]*)\n([^]*?)^```$/gm);
  return [...found].map(({ 1: language = '', 2: rest = '', 3: body = '', index }) => ({
    place: `${page}:${markdown.slice(0, index).split('\n').length}`,
    words: [language, ...rest.split(' ').filter((word) => word !== '')],
    code: body,
  }));
}

/** Where a block wants to be, as seen by the others. */
function fileOf({ words }: Block): string | undefined {
  return words.find((word) => word.startsWith('file='))?.slice('file='.length);
}

/** Checks all blocks in one program, as if they were files of this package. */
function typeErrors(sources: readonly Block[]): string[] {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: unknown;
  };
  const options: ts.CompilerOptions = {
    ...ts.parseJsonConfigFileContent(config, ts.sys, ROOT).options,
    moduleDetection: ts.ModuleDetectionKind.Force,
    // An example may name what it does not use.
    noUnusedLocals: false,
    noUnusedParameters: false,
  };
  const files = new Map(
    sources.map((block, index) => [join(ROOT, fileOf(block) ?? `docs/block-${index}.ts`), block]),
  );
  const host = ts.createCompilerHost(options);
  const onDisk = { ...host };
  host.fileExists = (path) => files.has(path) || onDisk.fileExists(path);
  host.readFile = (path) => files.get(path)?.code ?? onDisk.readFile(path);
  host.directoryExists = (path) =>
    [...files.keys()].some((file) => file.startsWith(`${path}/`)) || ts.sys.directoryExists(path);
  host.getSourceFile = (path, version, ...rest) => {
    const block = files.get(path);
    return block === undefined
      ? onDisk.getSourceFile(path, version, ...rest)
      : ts.createSourceFile(path, block.code, version);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return [...files].flatMap(([path, { place }]) => {
    const source = program.getSourceFile(path);
    if (source === undefined) return [`${place}: it is not in the program`];
    const [page = '', line = ''] = place.split(':');
    return ts.getPreEmitDiagnostics(program, source).map(({ start = 0, messageText }) => {
      const at = Number(line) + 1 + source.getLineAndCharacterOfPosition(start).line;
      return `${page}:${at}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    });
  });
}

/** A directory with the dependencies, certificates and named blocks that a program of the guides may want. */
async function makeWorkspace(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'rxflare-docs-'));
  const put = async (path: string, content: string): Promise<void> => {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  };
  await put('package.json', '{ "type": "module" }');
  await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  const contract = join(ROOT, 'spec/contract/driver-contract.ts');
  await put(
    'spec/contract/driver-contract.ts',
    `export { driverContract } from ${JSON.stringify(contract)};`,
  );
  for (const block of code) {
    const path = fileOf(block);
    if (path !== undefined) await put(path, block.code);
  }
  const { ca, hub, site1 } = await testCertificates();
  await mkdir(join(directory, 'certs'));
  const certificates = { 'rootCA.pem': ca, 'hub.crt': hub.cert, 'hub.key': hub.key };
  const more = { 'site-1.crt': site1.cert, 'site-1.key': site1.key };
  for (const [name, path] of Object.entries({ ...certificates, ...more }))
    await copyFile(path, join(directory, 'certs', name));
  return directory;
}

/** The relative links and anchors of a page that lead nowhere. */
function brokenLinks(markdown: string, page: string): string[] {
  const links = [...withoutCode(markdown).matchAll(/\]\(([^)\s]+)\)/g)].map(({ 1: link = '' }) => link);
  return links.filter((link) => {
    if (/^[a-z]+:/i.test(link)) return false;
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? page : join(dirname(page), path);
    if (path !== '' && !existsSync(resolve(ROOT, target))) return true;
    if (anchor === undefined) return false;
    const content = path === '' ? markdown : text.get(target);
    return content === undefined || !anchorsOf(content).has(anchor);
  });
}

/** The anchors that GitHub gives the headings of a page. */
function anchorsOf(markdown: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const { 1: heading = '' } of markdown
    .replaceAll(/^```[^]*?^```$/gm, '')
    .matchAll(/^#{1,6} +(.+)$/gm)) {
    const base = heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
    let anchor = base;
    for (let count = 1; anchors.has(anchor); count += 1) anchor = `${base}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}

function withoutCode(markdown: string): string {
  return markdown.replaceAll(/^```[^]*?^```$/gm, '').replaceAll(/`[^`\n]*`/g, '');
}
