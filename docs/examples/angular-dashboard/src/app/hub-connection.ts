import { computed, type EnvironmentProviders, inject, Injectable } from '@angular/core';
import { toObservable } from '@angular/core/rxjs-interop';
import { Endpoint, EndpointState, Mode, textMessage } from 'rxflare';
import { injectCommunicator, injectEndpoints, provideCommunicator } from 'rxflare/angular';
import {
  describeEndpoint,
  disconnectThrough,
  type EndpointDetails,
  type RelayedMessage,
  relayedMessages,
  roundTrips,
  sendThrough,
  type StatsReport,
  WATCHER_PROPERTIES,
  watchStats,
} from 'rxflare/monitor';
import {
  catchError,
  concat,
  defer,
  distinctUntilChanged,
  EMPTY,
  exhaustMap,
  from,
  map,
  type Observable,
  repeat,
  retry,
  share,
  shareReplay,
  Subject,
  switchMap,
  tap,
  timer,
} from 'rxjs';

import { PageAccess } from './page-access';

const PERIOD_MS = 1_000;

/** More are too many to look at. */
const MAX_ENDPOINTS = 200;

/** A question that failed, or is answered no more, is asked again after this long. */
const RETRY_MS = 5_000;

/** Provides the page as an endpoint. Where its hub is, is known when that has let it in. */
export function provideHub(): EnvironmentProviders {
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

/** What the page asks of the hub that it was loaded from. */
@Injectable({ providedIn: 'root' })
export class HubConnection {
  readonly #access = inject(PageAccess);
  readonly #page = injectCommunicator();
  readonly #endpoints = injectEndpoints();
  readonly #faults = new Subject<string | undefined>();
  readonly name = this.#page.localEndpoint.name;

  /** The hub while it is there. */
  readonly hub = computed(() =>
    [...this.#endpoints().values()].find(({ state }) => state === EndpointState.READY),
  );
  readonly hub$: Observable<Endpoint | undefined> = toObservable(this.hub);
  readonly report$: Observable<StatsReport> = this.#ofHub((hub) =>
    watchStats(this.#page, hub, PERIOD_MS, { maxEndpoints: MAX_ENDPOINTS, history: true }),
  );
  readonly roundTripMs$: Observable<number> = this.#ofHub((hub) => roundTrips(this.#page, hub, PERIOD_MS));
  readonly message$: Observable<RelayedMessage> = this.#ofHub((hub) => relayedMessages(this.#page, hub));
  /** Why the hub does not show itself, though it is there; `undefined` when it does again. */
  readonly fault$: Observable<string | undefined> = this.#faults.asObservable();

  /** Whether the hub lets this page in; asked again whenever the hub is not there. */
  readonly isAllowed$: Observable<boolean> = concat(
    defer(() => this.#access.open()).pipe(
      tap((isAllowed) => isAllowed && this.#page.addConnector(this.#access.hubUrl, Mode.ACTIVE)),
    ),
    this.hub$.pipe(
      switchMap((hub) => (hub === undefined ? timer(RETRY_MS / 2, RETRY_MS) : EMPTY)),
      exhaustMap(() => from(this.#access.isGood()).pipe(catchError(() => EMPTY))),
    ),
  ).pipe(retry({ delay: RETRY_MS }), distinctUntilChanged(), shareReplay({ bufferSize: 1, refCount: true }));

  /** Has the hub send a text to one of its endpoints, or to `EVERYONE`: to how many. Errors where it cannot. */
  send(hub: string, to: string, appId: number, text: string): Observable<number> {
    return sendThrough(this.#page, hub, to, appId, textMessage(text));
  }

  /** Has the hub disconnect one of its endpoints; errors where it cannot. */
  disconnect(hub: string, name: string): Observable<never> {
    return disconnectThrough(this.#page, hub, name);
  }

  /** Reports on the endpoints with a text in their name, also where those on all leave them out. */
  find(text: string): Observable<StatsReport> {
    return this.#ofHub((hub) =>
      watchStats(this.#page, hub, PERIOD_MS, { maxEndpoints: MAX_ENDPOINTS, find: text }),
    );
  }

  /** What the hub knows of an endpoint, asked again from time to time. */
  describe(name: string): Observable<EndpointDetails | undefined> {
    return this.#ofHub((hub) => describeEndpoint(this.#page, hub, name));
  }

  /** What `ask` brings from the hub, from whichever one is there. */
  #ofHub<T>(ask: (hub: string) => Observable<T>): Observable<T> {
    return this.hub$.pipe(
      map((hub) => hub?.name),
      distinctUntilChanged(),
      switchMap((hub) => (hub === undefined ? EMPTY : this.#persistently(ask(hub)))),
      share(),
    );
  }

  /** Asks again when the hub ends a service, and after a failure, which it tells. */
  #persistently<T>(answers$: Observable<T>): Observable<T> {
    const again = (error: unknown) => {
      this.#faults.next(error instanceof Error ? error.message : String(error));
      return timer(RETRY_MS);
    };
    return answers$.pipe(repeat({ delay: RETRY_MS }), retry({ delay: again, resetOnSuccess: true }));
  }
}
