import { fileURLToPath } from 'node:url';

import { build, stop } from 'esbuild';
import { afterAll, describe, expect, it } from 'vitest';

import { freePort } from '../support/free-port.js';
import { RxflareProcess } from '../support/rxflare-process.js';

afterAll(() => stop());

describe('rxflare', () => {
  it.each([
    [['pign'], "unknown command 'pign' (Did you mean ping?)", 'rxflare --help'],
    [['ping'], 'expected a URL, or --kit', 'rxflare ping --help'],
    [['listen', '--name', 'top'], 'expected a URL, or --kit', 'rxflare listen --help'],
    [
      ['ping', 'tcp://127.0.0.1:1', '--cuont', '3'],
      "unknown option '--cuont' (Did you mean --count?)",
      'rxflare ping --help',
    ],
    [
      ['top', 'tcp://127.0.0.1:1', '--count', 'x'],
      "option '--count <n>' argument 'x' is invalid.",
      'rxflare top --help',
    ],
  ])('answers a typo with one line and exit code 2: %j', async (args, problem, help) => {
    const { exitCode, stdout, stderr } = await RxflareProcess.run(...args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^rxflare: .*\n$/);
    expect(stderr).toContain(`; see ${help}\n`);
    expect(stderr).toContain(problem);
    expect(stderr).not.toContain('.;');
  });

  it('answers a typo in JSON where that was asked for', async () => {
    const { exitCode, stdout, stderr } = await RxflareProcess.run('ping', '--json');
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ event: 'error', code: 'BAD_CONFIG' });
  });

  it.each([
    ['a bad URL', 2, ['ping', 'nowhere']],
    ['an unknown scheme', 2, ['listen', 'udp://0:8002']],
    ['no such host', 3, ['ping', 'tcp://nowhere.invalid:8002']],
  ])('exits by the kind of failure: %s', async (_, expected, args) => {
    const { exitCode, stderr } = await RxflareProcess.run(...args);
    expect(exitCode).toBe(expected);
    expect(stderr).toMatch(/^rxflare: .*\n$/);
  });

  it('exits with 3 where nothing listens', async () => {
    const { exitCode } = await RxflareProcess.run('ping', `tcp://127.0.0.1:${await freePort()}`);
    expect(exitCode).toBe(3);
  });

  it('loads no transport before a command runs', async () => {
    const { metafile } = await build({
      absWorkingDir: fileURLToPath(new URL('../..', import.meta.url)),
      entryPoints: ['lib/cli/main.ts'],
      platform: 'node',
      packages: 'external',
      format: 'esm',
      bundle: true,
      splitting: true,
      outdir: 'unused',
      write: false,
      metafile: true,
    });
    const { inputs } = metafile;
    const loaded = new Set<string>(['lib/cli/main.ts']);
    for (const file of loaded) {
      for (const { path, kind } of inputs[file]?.imports ?? [])
        if (kind === 'import-statement') loaded.add(path);
    }
    expect(Object.keys(inputs)).toContain('lib/drivers/tcp/tcp-driver.ts');
    expect([...loaded].filter((path) => path.startsWith('lib/') && !path.startsWith('lib/cli/'))).toEqual([
      'lib/comm-error.ts',
    ]);
    expect([...loaded].filter((path) => !path.startsWith('lib/') && !path.startsWith('node:'))).toEqual([
      'commander',
    ]);
  });
});
