import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { CommError, CommErrorCode } from '../comm-error.js';
import { pathOf } from '../drivers/websocket/upgrades.js';
import type { PageAccess } from './page-access.js';

/** The same directory from `dist/cli` and from `lib/cli`. */
const DIRECTORY = fileURLToPath(new URL('../../dist/dashboard', import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};

/** The page loads nothing from other sites, and no other page may frame it. */
const HEADERS = {
  'Content-Security-Policy':
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-cache',
  'Content-Encoding': 'gzip',
};

/**
 * An HTTP server for the dashboard page of the package. It serves the files of the page, which anyone may read, and no
 * others.
 *
 * @param answers - gets each request first, and returns whether it answers it
 * @param index - the document at `/`. Default: that of a hub.
 * @param directory - where the page is built. Default: that of the package.
 * @throws CommError `NOT_SUPPORTED` where the page was not built
 */
export function pageServer(
  answers: PageAccess['handle'],
  index: 'index.html' | 'federation.html' = 'index.html',
  directory = DIRECTORY,
): Server {
  const files = readPage(index, directory);
  return createServer((request, response) => {
    if (answers(request, response)) return;
    const path = pathOf(request);
    const file = files.get(path === '/' ? `/${index}` : path);
    if (file === undefined) response.writeHead(404).end();
    else response.writeHead(200, { ...HEADERS, 'Content-Type': file.type }).end(file.content);
  });
}

interface PageFile {
  readonly type: string;
  /** Compressed with gzip. */
  readonly content: Uint8Array;
}

/** @param index - without it the page was not built, or by an older version */
function readPage(index: string, directory: string): ReadonlyMap<string, PageFile> {
  if (!existsSync(join(directory, index))) {
    const detail = `expected the dashboard page in ${directory}: build it with "npm run dashboard"`;
    throw new CommError(CommErrorCode.NOT_SUPPORTED, detail);
  }
  const page = new Map<string, PageFile>();
  for (const name of readdirSync(directory)) {
    const type = TYPES[extname(name)];
    if (type !== undefined)
      page.set(`/${name}`, { type, content: gzipSync(readFileSync(join(directory, name))) });
  }
  return page;
}
