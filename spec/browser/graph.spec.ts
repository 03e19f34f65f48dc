import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { build, type BuildOptions, stop } from 'esbuild';
import { firstValueFrom } from 'rxjs';
import { afterAll, describe, expect, it } from 'vitest';

import * as browser from '../../lib/browser.js';
import * as node from '../../lib/index.js';

/** For what a page loads beside RxJS, which its application has anyway. */
const BUDGET_BYTES = 40 * 1024;

/** What only one of the entries can have. */
const ONLY_BROWSER = ['InboxFullError', 'NativeWebSocketDriver', 'browserDrivers'];
const ONLY_NODE = /Driver$|^nodeDrivers$/;

const OPTIONS = {
  entryPoints: [fileURLToPath(new URL('../../lib/browser.ts', import.meta.url))],
  bundle: true,
  format: 'esm',
  external: ['rxjs'],
  write: false,
  metafile: true,
  logLevel: 'silent',
} satisfies BuildOptions;

afterAll(() => stop());

describe('the browser entry', () => {
  it('reaches neither a module of Node nor ws', async () => {
    const { metafile } = await build({ ...OPTIONS, platform: 'browser' });
    const files = Object.keys(metafile.inputs);
    const imports = Object.values(metafile.inputs).flatMap((input) => input.imports);
    expect(files).toContain('lib/browser.ts');
    expect(files.filter((file) => /node_modules\/(ws|@grpc)\//.test(file))).toEqual([]);
    expect(new Set(imports.filter(({ external }) => external).map(({ path }) => path))).toEqual(
      new Set(['rxjs']),
    );
  });

  it('has a testing entry beside it that is as clean', async () => {
    const entryPoints = [fileURLToPath(new URL('../../lib/testing/index.ts', import.meta.url))];
    const { metafile } = await build({ ...OPTIONS, entryPoints, platform: 'browser' });
    const files = Object.keys(metafile.inputs);
    const imports = Object.values(metafile.inputs).flatMap((input) => input.imports);
    expect(files).toContain('lib/testing/virtual-network.ts');
    expect(files.filter((file) => /node_modules\/(ws|@grpc)\//.test(file))).toEqual([]);
    expect(new Set(imports.filter(({ external }) => external).map(({ path }) => path))).toEqual(
      new Set(['rxjs']),
    );
  });

  it('keeps within its budget', async () => {
    const { outputFiles } = await build({ ...OPTIONS, platform: 'browser', minify: true });
    const bytes = outputFiles.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0);
    process.stdout.write(
      `browser entry: ${(bytes / 1024).toFixed(1)} KiB minified and gzipped, without rxjs\n`,
    );
    expect(bytes).toBeLessThanOrEqual(BUDGET_BYTES);
  });

  it('has the exports of the Node entry, as far as they exist in a browser', () => {
    const shared = Object.keys(node).filter((name) => name in browser || !ONLY_NODE.test(name));
    expect(Object.keys(browser).sort()).toEqual([...shared, ...ONLY_BROWSER].sort());
  });

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
    const { Communicator, Endpoint, Mode, NativeWebSocketDriver } = browser;
    const notSupported = {
      code: browser.CommErrorCode.NOT_SUPPORTED,
      message: expect.stringContaining('cannot listen') as string,
    };
    const page = new Communicator(new Endpoint('page-1'));
    const add = () => page.addConnector('http://0:8002', Mode.PASSIVE);
    expect(add).toThrow(expect.objectContaining(notSupported) as Error);
    await expect(page.startListener('http')).rejects.toMatchObject(notSupported);
    const listener$ = new NativeWebSocketDriver().listen(browser.parseUrl('http://0:8002'));
    await expect(firstValueFrom(listener$)).rejects.toMatchObject(notSupported);
    await page.stop();
  });
});
