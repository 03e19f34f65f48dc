import type { EnvironmentProviders } from '@angular/core';
import { type Communicator, Endpoint, Mode } from 'rxflare';
import { provideCommunicator } from 'rxflare/angular';
import { WATCHER_PROPERTIES } from 'rxflare/monitor';
import {
  catchError,
  concat,
  defer,
  distinctUntilChanged,
  EMPTY,
  exhaustMap,
  from,
  type Observable,
  retry,
  shareReplay,
  switchMap,
  tap,
  timer,
} from 'rxjs';

import type { PageAccess } from './page-access';

/** A question that failed, or is answered no more, is asked again after this long. */
export const RETRY_MS = 5_000;

/** Provides the page as an endpoint. Where its server is, is known when that has let it in. */
export function providePage(): EnvironmentProviders {
  return provideCommunicator(() => ({
    // A name of its own for each page: two endpoints under one name evict each other.
    endpoint: new Endpoint(`dashboard-${Math.random().toString(36).slice(2, 8)}`, WATCHER_PROPERTIES),
    urls: [],
    options: {
      reconnectDelayMs: 500,
      maxReconnectDelayMs: 3_000,
      heartbeatIntervalMs: 5_000,
      heartbeatTimeoutMs: 5_000,
    },
  }));
}

/**
 * Connects the page once its server has let it in, and tells whether it does; asked again whenever the server is not
 * there.
 */
export function connectPage(
  page: Communicator,
  access: PageAccess,
  server$: Observable<Endpoint | undefined>,
): Observable<boolean> {
  return concat(
    defer(() => access.open()).pipe(
      tap((isAllowed) => isAllowed && page.addConnector(access.hubUrl, Mode.ACTIVE)),
    ),
    server$.pipe(
      switchMap((server) => (server === undefined ? timer(RETRY_MS / 2, RETRY_MS) : EMPTY)),
      exhaustMap(() => from(access.isGood()).pipe(catchError(() => EMPTY))),
    ),
  ).pipe(retry({ delay: RETRY_MS }), distinctUntilChanged(), shareReplay({ bufferSize: 1, refCount: true }));
}
