import type { Endpoint, EndpointProperties } from './endpoint.js';

/** The property that says what an endpoint is there for, and its one agreed value. */
const ROLE = 'rxflare_role';
const WATCHER = 'watcher';

/**
 * The properties of an endpoint that only looks at another: a dashboard, `rxflare top` or `rxflare ping`. Stats show
 * it as a watcher, and leave it out of the totals: its coming and going is no news, and what is lost to it no loss.
 * They are public, and nothing proves them: who claims them is left out of the counts of endpoints, and counted as a
 * watcher.
 *
 * @example
 * ```ts
 * const page = new Endpoint('page-1', WATCHER_PROPERTIES);
 * ```
 */
export const WATCHER_PROPERTIES: EndpointProperties = { [ROLE]: WATCHER };

/** Whether an endpoint says that it is a watcher. */
export function isWatcher({ properties }: Pick<Endpoint, 'properties'>): boolean {
  return properties[ROLE] === WATCHER;
}
