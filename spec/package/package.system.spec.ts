import { execFile } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, describe, expect, it } from 'vitest';

import { freePort } from '../support/free-port.js';
import { bunBinary, denoBinary, nodeBinary } from '../support/runtimes.js';
import { freshProject } from './project.js';

/** The oldest version that `engines` admits, and the newer lines that are maintained. */
const NODE_VERSIONS = ['20.19.0', '22.22.0', '24.21.0'];
const TIMEOUT_MS = 300_000;
/**
 * Without maps: the code is that of the sources, comments and all, but for the types. Of an installation alone: an entry
 * that is not imported costs a bundle nothing.
 */
const MAX_PACKED_BYTES = 800_000;

const project = await freshProject();

afterAll(() => project.remove());

/** The first program of the README and what it prints, on a port that is free here. */
async function readmeProgram(): Promise<{ program: string; output: string }> {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const [, program = '', output = ''] =
    /```ts run\n([^]*?)```\n+```text output\n([^]*?)```/.exec(readme) ?? [];
  expect(program).toContain('new Communicator');
  return { program: program.replaceAll('8002', String(await freePort())), output };
}

const PAGE_PROGRAM = `
import { Communicator, Endpoint, Mode } from 'rxflare';
const page = new Communicator(new Endpoint('page'));
page.addConnector('ws://localhost:8002/f3', Mode.ACTIVE);
page.endpoints$.subscribe((endpoints) => console.log(endpoints.size));
void page.start();
`;

/** A page that imports every entry. */
const FULL_PAGE_PROGRAM = `${PAGE_PROGRAM}
import { browserDrivers } from 'rxflare';
import { NativeWebSocketDriver } from 'rxflare/drivers';
import { watchStats } from 'rxflare/monitor';
import { VirtualNetwork } from 'rxflare/testing';
console.log(browserDrivers(), new NativeWebSocketDriver().schemes, watchStats(page, 'hub', 1000), VirtualNetwork);
`;

/** A page of Angular, as far as the package has a part in it. */
const ANGULAR_PROGRAM = `
import { Endpoint } from 'rxflare';
import { injectEndpoints, provideCommunicator } from 'rxflare/angular';
console.log(provideCommunicator({ endpoint: new Endpoint('page'), urls: ['/f3'] }), injectEndpoints);
`;

/** One name of each entry for Node. */
const ENTRY_NAMES = [
  ['rxflare', 'nodeDrivers'],
  ['rxflare/cellnet', 'Cell'],
  ['rxflare/drivers', 'TcpDriver'],
  ['rxflare/flare', 'connectSession'],
  ['rxflare/flare/dashboard', 'askFederation'],
  ['rxflare/fobs', 'decodeFobs'],
  ['rxflare/metrics', 'recordMetrics'],
  ['rxflare/monitor', 'watchStats'],
  ['rxflare/nest', 'RxflareModule'],
  ['rxflare/nest/microservices', 'CellServer'],
  ['rxflare/testing', 'VirtualNetwork'],
] as const;

describe('the packed package', () => {
  it('is small, and has the code, its types, the command and the licence', () => {
    expect(project.packedBytes).toBeLessThan(MAX_PACKED_BYTES);
    const root = join(project.directory, 'node_modules', 'rxflare');
    expect(readdirSync(root)).toEqual(
      expect.arrayContaining(['LICENSE', 'README.md', 'CHANGELOG.md', 'dist']),
    );
    const files = readdirSync(join(root, 'dist'));
    expect(files).toEqual(expect.arrayContaining(['index.js', 'index.d.ts', 'browser.js', 'browser.d.ts']));
    expect(readdirSync(root)).not.toContain('spec');
  });

  it('runs nothing when it is installed', () => {
    const path = join(project.directory, 'node_modules', 'rxflare', 'package.json');
    const { scripts } = JSON.parse(readFileSync(path, 'utf8')) as {
      scripts: Readonly<Record<string, string>>;
    };
    const ofInstallation = ['preinstall', 'install', 'postinstall', 'preprepare', 'prepare', 'postprepare'];
    expect(Object.keys(scripts).filter((name) => ofInstallation.includes(name))).toEqual([]);
  });

  it('has nothing that an earlier build left', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'rxflare-build-'));
    try {
      copyFileSync(new URL('../../package.json', import.meta.url), join(directory, 'package.json'));
      const prepare = () => promisify(execFile)('npm', ['run', 'prebuild'], { cwd: directory });
      await prepare(); // Before the first build there is nothing to remove.
      for (const name of ['sfm', 'dashboard']) {
        mkdirSync(join(directory, 'dist', name));
        writeFileSync(join(directory, 'dist', name, 'removed.js'), '');
      }
      await prepare();
      expect(readdirSync(join(directory, 'dist'))).toEqual(['dashboard']); // It has a build of its own.
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('says what a cluster needs that was not installed', async () => {
    const args = [
      'tcp://127.0.0.1:0',
      '--cluster',
      'nats://127.0.0.1:4222',
      '--cluster-name',
      'fl',
      '--json',
    ];
    const output = JSON.parse(await project.fail('npx', 'rxflare', 'listen', ...args)) as object;
    expect(output).toMatchObject({
      code: 'NOT_SUPPORTED',
      message: expect.stringMatching(/not installed: npm install @nats-io\/transport-node/) as string,
    });
  });

  it('brings the command', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect((await project.run('npx', 'rxflare', '--version')).trim()).toBe(version);
  });
});

describe.each(NODE_VERSIONS)('in Node %s', (version) => {
  it(
    'runs the first program of the README',
    async () => {
      const { program, output } = await readmeProgram();
      const file = `readme-${version}.mjs`;
      await project.write(file, program);
      expect(await project.run(await nodeBinary(version), file)).toBe(output);
    },
    TIMEOUT_MS,
  );

  it.each([
    ['import', 'mjs', (name: string, entry: string) => `import { ${name} } from '${entry}';`],
    ['require', 'cjs', (name: string, entry: string) => `const { ${name} } = require('${entry}');`],
  ])(
    'has entries that %s finds, and that share their classes',
    async (how, extension, load) => {
      const file = `entries-${how}-${version}.${extension}`;
      const names = ENTRY_NAMES.map(([, name]) => name);
      await project.write(
        file,
        `${ENTRY_NAMES.map(([entry, name]) => load(name, entry)).join('\n')}
        console.log(${names.map((name) => `typeof ${name}`).join(', ')});
        console.log(nodeDrivers().find('tcp') instanceof TcpDriver);`,
      );
      const output = `${names.map(() => 'function').join(' ')}\ntrue\n`;
      expect(await project.run(await nodeBinary(version), '--no-warnings', file)).toBe(output);
    },
    TIMEOUT_MS,
  );

  it(
    'can be required from CommonJS',
    async () => {
      const file = `required-${version}.cjs`;
      await project.write(
        file,
        `const { Communicator, Endpoint, Mode } = require('rxflare');
        const { firstValueFrom } = require('rxjs');
        async function main() {
          const [hub, site] = [new Communicator(new Endpoint('hub')), new Communicator(new Endpoint('site-1'))];
          hub.addConnector('inproc://required', Mode.PASSIVE);
          site.addConnector('inproc://required', Mode.ACTIVE);
          await Promise.all([hub.start(), site.start()]);
          console.log((await firstValueFrom(site.ready('hub'))).name);
          await Promise.all([hub.stop(), site.stop()]);
        }
        main();`,
      );
      expect(await project.run(await nodeBinary(version), '--no-warnings', file)).toBe('hub\n');
    },
    TIMEOUT_MS,
  );
});

describe.each([
  ['Bun', [await bunBinary()]],
  ['Deno', [await denoBinary(), 'run', '--allow-net', '--allow-env', '--allow-read', '--quiet']],
])('in %s', (runtime, [command = '', ...args]) => {
  it(
    'runs the first program of the README',
    async () => {
      const { program, output } = await readmeProgram();
      const file = `readme-${runtime}.mjs`;
      await project.write(file, program);
      expect(await project.run(command, ...args, file)).toBe(output);
    },
    TIMEOUT_MS,
  );
});

describe.each(['typescript', 'typescript-7'])('with %s', (compiler) => {
  const options = { strict: true, noEmit: true, target: 'es2022', types: ['node'], skipLibCheck: false };

  it.each([
    ['nodenext, as a module', { module: 'nodenext', moduleResolution: 'nodenext' }, 'typed.mts'],
    ['nodenext, as CommonJS', { module: 'nodenext', moduleResolution: 'nodenext' }, 'typed-function.cts'],
    ['bundler', { module: 'esnext', moduleResolution: 'bundler' }, 'typed.mts'],
    [
      'bundler, with the browser entry',
      {
        module: 'esnext',
        moduleResolution: 'bundler',
        customConditions: ['browser'],
        lib: ['es2022', 'dom'],
      },
      'typed-browser.mts',
    ],
  ])(
    'checks under %s',
    async (_, resolution, file) => {
      const { program } = await readmeProgram();
      const entries = ENTRY_NAMES.map(([entry, name]) => `export { ${name} } from '${entry}';`).join('\n');
      await project.write('typed.mts', `${program}\n${entries}`);
      await project.write('typed-browser.mts', FULL_PAGE_PROGRAM);
      await project.write(
        'typed-function.cts',
        `import { Communicator, Endpoint } from 'rxflare';
        ${entries}
        export const name: string = new Communicator(new Endpoint('hub')).localEndpoint.name;`,
      );
      await project.write('mistake.mts', "import { Endpoint } from 'rxflare';\nnew Endpoint(1);\n");
      const compilerOptions = { ...options, ...resolution };
      const config = { compilerOptions, files: [file, 'mistake.mts'] };
      await project.write('tsconfig.json', JSON.stringify(config));
      const errors = await project.fail(
        'node',
        join('node_modules', compiler, 'bin', 'tsc'),
        '--project',
        '.',
      );
      expect(errors.trim().split('\n')).toEqual([
        expect.stringMatching(/^mistake\.mts\(2,14\): error TS2345/) as unknown,
      ]);
    },
    TIMEOUT_MS,
  );
});

describe('under a bundler for the browser', () => {
  const expectBundle = (file: string): string => {
    const bundle = readFileSync(join(project.directory, file), 'utf8');
    expect(bundle).toContain('/f3');
    expect(bundle).not.toMatch(/\bfrom\s*["']node:|require\(["']node:|__vite-browser-external/);
    return bundle;
  };

  /** Bundles a page with esbuild; the size, and the rooms of rxflare that are in it. */
  const bundle = async (name: string, program: string): Promise<{ bytes: number; rooms: string[] }> => {
    await project.write(`${name}.js`, program);
    const flags = ['--bundle', '--minify', '--format=esm', '--platform=browser', '--external:rxjs'];
    const files = [`--outfile=${name}.bundle.js`, `--metafile=${name}.json`];
    await project.run('npx', 'esbuild', `${name}.js`, ...flags, ...files);
    const { inputs } = JSON.parse(readFileSync(join(project.directory, `${name}.json`), 'utf8')) as {
      inputs: Record<string, unknown>;
    };
    const rooms = Object.keys(inputs).flatMap((path) => /\/rxflare\/dist\/(\w+)\//.exec(path)?.[1] ?? []);
    return { bytes: expectBundle(`${name}.bundle.js`).length, rooms: [...new Set(rooms)].sort() };
  };

  it('esbuild makes a bundle without anything of Node, and of the entries that a page imports', async () => {
    const page = await bundle('page', PAGE_PROGRAM);
    const full = await bundle('full-page', FULL_PAGE_PROGRAM);
    expect(page.rooms).toEqual(['drivers', 'sfm', 'transport', 'wire']);
    expect(full.rooms).toEqual([
      'cellnet',
      'drivers',
      'fobs',
      'monitor',
      'sfm',
      'testing',
      'transport',
      'wire',
    ]);
    expect(page.bytes).toBeLessThan(full.bytes);
    const angular = await bundle('angular-page', ANGULAR_PROGRAM);
    expect(angular.rooms).toEqual(['angular', 'drivers', 'sfm', 'transport', 'wire']);
  });

  it(
    'Vite does as well',
    async () => {
      await project.write('page.js', FULL_PAGE_PROGRAM);
      await project.write('index.html', '<script type="module" src="/page.js"></script>');
      await project.run('npx', 'vite', 'build', '--logLevel', 'error', '--outDir', 'vite');
      const [name = ''] = readdirSync(join(project.directory, 'vite', 'assets'));
      expectBundle(join('vite', 'assets', name));
    },
    TIMEOUT_MS,
  );
});
