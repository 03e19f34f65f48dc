import { map, type Observable } from 'rxjs';
import { type RunHelpers, TestScheduler } from 'rxjs/testing';
import { expect } from 'vitest';

import type { Communicator } from '../../lib/communicator.js';

/** Runs a test in virtual time. */
export function marbles(test: (scheduler: TestScheduler, helpers: RunHelpers) => void): void {
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
  scheduler.run((helpers) => test(scheduler, helpers));
}

/** For diagrams of {@link stateOf}; `a` is for absent. */
export const STATES = { a: undefined, r: 'READY', c: 'CLOSING', d: 'DISCONNECTED' };

/** The states of an endpoint, as a communicator sees it. */
export function stateOf(communicator: Communicator, name: string): Observable<string | undefined> {
  return communicator.endpoint(name).pipe(map((endpoint) => endpoint?.state));
}
