import createDebug, { type Debugger } from 'debug';

/**
 * A logger of the `debug` package under the namespace `rxflare:<area>`.
 * `DEBUG=rxflare:*` in Node, or `localStorage.debug = 'rxflare:*'` in a browser, shows them all.
 */
export function logger(area: string): Debugger {
  return createDebug(`rxflare:${area}`);
}
