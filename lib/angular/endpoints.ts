import { computed, type Signal } from '@angular/core';
import { toSignal } from '@angular/core/rxjs-interop';

import type { Endpoint } from '../endpoint.js';
import { injectCommunicator } from './communicator.js';

/**
 * The remote endpoints by name: READY ones and those that were. Each change makes a new immutable map. To be called in
 * an injection context.
 */
export function injectEndpoints(): Signal<ReadonlyMap<string, Endpoint>> {
  return toSignal(injectCommunicator().endpoints$, { requireSync: true });
}

/**
 * One endpoint with its state; `undefined` while it is not known. To be called in an injection context.
 *
 * @param name - or a function that reads a signal, such as an input
 */
export function injectEndpoint(name: string | (() => string | undefined)): Signal<Endpoint | undefined> {
  const endpoints = injectEndpoints();
  return computed(() => {
    const wanted = typeof name === 'function' ? name() : name;
    return wanted === undefined ? undefined : endpoints().get(wanted);
  });
}
