import type { Signal } from '@angular/core';

import type { LifecycleEvent } from '../lifecycle.js';
import { injectCommunicator } from './communicator.js';
import { recent } from './recent.js';

/**
 * What happened to connectors, connections and endpoints since the call, oldest first. To be called in an injection
 * context.
 *
 * @param max - the most events that are kept, the last ones; an integer above 0. Default: 100
 * @throws CommError `BAD_CONFIG` for another `max`
 */
export function injectLifecycle(max = 100): Signal<readonly LifecycleEvent[]> {
  return recent(injectCommunicator().lifecycle$, max, (event) => event);
}
