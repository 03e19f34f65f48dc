import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { build, stop } from 'esbuild';

/** A web server with one page, that runs a script of `spec`. */
export interface PageServer {
  readonly origin: string;
  close(): Promise<void>;
}

/** Bundles a script for browsers, and serves a page with it on a port of its own. */
export async function servePage(entry: string): Promise<PageServer> {
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: 'iife', write: false });
  const script = outputFiles.map(({ text }) => text).join('');
  const server = createServer((request, response) => {
    const isScript = request.url === '/page.js';
    response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script : '<!doctype html><title>page</title><script src="/page.js"></script>');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await stop();
    },
  };
}
