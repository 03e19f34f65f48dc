import { createRequire } from 'node:module';

import * as found from 'ws';

import { isBun } from '../node/is-bun.js';

/**
 * The package `ws`. Bun puts a module of its own in the place of that name, whose WebSocket has no socket to read and
 * write; under Bun the package is loaded by its path.
 */
export const { WebSocket, WebSocketServer } = isBun ? byPath() : found;

/** A WebSocket of that package. */
export type WebSocket = found.WebSocket;

function byPath(): typeof found {
  const require = createRequire(import.meta.url);
  return require(require.resolve('ws/package.json').replace(/package\.json$/, 'index.js')) as typeof found;
}
