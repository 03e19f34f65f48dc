import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { describe, expect, it } from 'vitest';

import { withDistribution } from '../support/distribution.js';

const run = promisify(execFile);

/** A built module, which is what users load. */
const built = (path: string): string => JSON.stringify(new URL(`../../dist/${path}`, import.meta.url).href);

/** What a program of its own prints; in it, `loaded` says which of the heavy parts are there. */
async function printed(body: string): Promise<unknown> {
  const program = `
    import { createRequire } from 'node:module';
    import { Communicator, Endpoint, Mode } from ${built('index.js')};
    const { cache } = createRequire(import.meta.url);
    const loaded = () => ({
      ws: Object.keys(cache).some((path) => /node_modules.ws.lib/.test(path)),
      http2: process.moduleLoadList.includes('NativeModule internal/http2/core'),
    });
    const hub = new Communicator(new Endpoint('hub'));
    ${body}
    await hub.stop();
  `;
  let stdout = '';
  await withDistribution(async () => {
    ({ stdout } = await run(process.execPath, ['--input-type=module', '--eval', program]));
  });
  return JSON.parse(stdout);
}

describe('a program loads', () => {
  it('no transport before it uses one', async () => {
    const start = 'await hub.start(); console.log(JSON.stringify(loaded()));';
    await expect(printed(start)).resolves.toEqual({ ws: false, http2: false });
  });

  it.each([
    ['tcp', { ws: false, http2: false }],
    ['http', { ws: true, http2: false }],
    ['grpc', { ws: false, http2: true }],
  ])('for %s what it needs, and no more', async (scheme, expected) => {
    const listen = `
      hub.addConnector('${scheme}://127.0.0.1:0', Mode.PASSIVE);
      await hub.start();
      console.log(JSON.stringify(loaded()));`;
    await expect(printed(listen)).resolves.toEqual(expected);
  });

  it('what takes the upgrades of a server before start resolves, so that it misses no client', async () => {
    const attach = `
      const { createServer } = await import('node:http');
      const server = createServer();
      hub.attach(server);
      await hub.start();
      console.log(JSON.stringify({ listeners: server.listenerCount('upgrade'), ...loaded() }));`;
    await expect(printed(attach)).resolves.toMatchObject({ listeners: 1, ws: true });
  });
});
