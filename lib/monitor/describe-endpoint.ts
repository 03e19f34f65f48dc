import { defer, filter, map, type Observable, take } from 'rxjs';

import type { Communicator } from '../communicator.js';
import { ask } from './ask.js';
import type { EndpointDetails } from './endpoint-details.js';
import { MonitorAppIds } from './monitor-app-ids.js';
import { newQuestionId } from './question.js';
import { statsQuestion } from './stats-protocol.js';
import { WATCH_DEFAULTS, type WatchOptions } from './watch-options.js';

/**
 * Asks another communicator that called `serveStats` about one of its endpoints: properties and certificate. Cold.
 * Emits once and completes; `undefined` where it knows no endpoint of that name.
 *
 * Errors as `watchStats` does.
 *
 * @param endpointName - the watched endpoint
 * @param name - the endpoint to be described, at most 900 characters
 */
export function describeEndpoint(
  communicator: Communicator,
  endpointName: string,
  name: string,
  options?: WatchOptions,
): Observable<EndpointDetails | undefined> {
  const settings = { ...WATCH_DEFAULTS, appId: MonitorAppIds.STATS, ...options };
  return defer(() => {
    const question = statsQuestion({ type: 'describe', id: newQuestionId(), name });
    return ask(communicator, endpointName, question, settings).pipe(
      filter((answer) => answer.type === 'described'),
      take(1),
      map(({ details }) => details),
    );
  });
}
