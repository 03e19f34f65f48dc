import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { build, type BuildOptions, stop } from 'esbuild';
import { firstValueFrom } from 'rxjs';
import { afterAll, describe, expect, it } from 'vitest';

import * as browser from '../../lib/browser.js';
import { NativeWebSocketDriver, parseUrl } from '../../lib/drivers/browser.js';

/** For what a page loads beside RxJS, which its application has anyway. */
const BUDGET_BYTES = 40 * 1024;

/** What a browser gets of each entry, and a file that shows that this is it. */
const ENTRIES = [
  ['rxflare', 'lib/browser.ts', 'lib/communicator.ts'],
  ['rxflare/angular', 'lib/angular/index.ts', 'lib/communicator.ts'],
  ['rxflare/cellnet', 'lib/cellnet/index.ts', 'lib/fobs/decode.ts'],
  ['rxflare/drivers', 'lib/drivers/browser.ts', 'lib/transport/base-connection.ts'],
  ['rxflare/flare/dashboard', 'lib/flare/dashboard/index.ts', 'lib/flare/dashboard/ask-federation.ts'],
  ['rxflare/fobs', 'lib/fobs/index.ts', 'lib/fobs/npy.ts'],
  ['rxflare/monitor', 'lib/monitor/index.ts', 'lib/monitor/probe.ts'],
  ['rxflare/metrics', 'lib/metrics/index.ts', 'lib/metrics/record-metrics.ts'],
  ['rxflare/testing', 'lib/testing/index.ts', 'lib/testing/virtual-network.ts'],
] as const;

const OPTIONS = {
  absWorkingDir: fileURLToPath(new URL('../..', import.meta.url)),
  entryPoints: ['lib/browser.ts'],
  platform: 'browser',
  bundle: true,
  format: 'esm',
  external: ['rxjs', '@angular/core'],
  write: false,
  metafile: true,
  logLevel: 'silent',
} satisfies BuildOptions;

afterAll(() => stop());

describe('for a browser', () => {
  it.each(ENTRIES)('%s reaches neither a module of Node nor ws', async (_, entry, file) => {
    const { metafile } = await build({ ...OPTIONS, entryPoints: [entry] });
    const files = Object.keys(metafile.inputs);
    const imports = Object.values(metafile.inputs).flatMap((input) => input.imports);
    expect(files).toContain(file);
    expect(files.filter((file) => /node_modules\/(ws|@grpc)\//.test(file))).toEqual([]);
    const others = imports.filter(({ external, path }) => external && !path.startsWith('@angular/core'));
    expect(others.filter(({ path }) => path !== 'rxjs')).toEqual([]);
    // A build of Angular warns of each module that is CommonJS.
    const formats = files.map((file) => metafile.inputs[file]?.format);
    expect(new Set(formats)).toEqual(new Set(['esm']));
  });

  it('rxflare has nothing of the other entries, apart from its two drivers', async () => {
    const { metafile } = await build(OPTIONS);
    const files = Object.keys(metafile.inputs);
    expect(files.filter((file) => /^lib\/(monitor|testing|cli)\//.test(file))).toEqual([]);
    expect(files.filter((file) => file.endsWith('-driver.ts'))).toEqual([
      'lib/drivers/in-process/in-process-driver.ts',
      'lib/drivers/websocket/native-websocket-driver.ts',
    ]);
  });

  it('rxflare keeps within its budget', async () => {
    const { outputFiles } = await build({ ...OPTIONS, minify: true });
    const bytes = outputFiles.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0);
    process.stdout.write(
      `browser entry: ${(bytes / 1024).toFixed(1)} KiB minified and gzipped, without rxjs\n`,
    );
    expect(bytes).toBeLessThanOrEqual(BUDGET_BYTES);
  });
});

describe('the browser entry', () => {
  it('works in Node too', async () => {
    const { AppIds, Communicator, Endpoint, Mode, textMessage } = browser;
    const hub = new Communicator(new Endpoint('hub'));
    const page = new Communicator(new Endpoint('page-1'));
    hub.addConnector('inproc://graph', Mode.PASSIVE);
    page.addConnector('inproc://graph', Mode.ACTIVE);
    const text = new Promise((resolve) => {
      hub.messages(AppIds.DEFAULT).subscribe(({ message }) => resolve(browser.textOf(message)));
      page.registerMonitor(({ state }) => {
        if (state === browser.EndpointState.READY) page.send('hub', AppIds.DEFAULT, textMessage('hello'));
      });
    });
    await hub.start();
    await page.start();
    expect(await text).toBe('hello');
    await Promise.all([page.stop(), hub.stop()]);
  });

  it('says that a page cannot listen', async () => {
    const { Communicator, Endpoint, Mode } = browser;
    const notSupported = {
      code: browser.CommErrorCode.NOT_SUPPORTED,
      message: expect.stringContaining('cannot listen') as string,
    };
    const page = new Communicator(new Endpoint('page-1'));
    const add = () => page.addConnector('http://0:8002', Mode.PASSIVE);
    expect(add).toThrow(expect.objectContaining(notSupported) as Error);
    expect(() => page.attach({})).toThrow(
      expect.objectContaining({ code: browser.CommErrorCode.NOT_SUPPORTED }) as Error,
    );
    await expect(page.startListener('http')).rejects.toMatchObject(notSupported);
    const listener$ = new NativeWebSocketDriver().listen(parseUrl('http://0:8002'));
    await expect(firstValueFrom(listener$)).rejects.toMatchObject(notSupported);
    await page.stop();
  });
});
