import { computed, inject, Injectable } from '@angular/core';
import { toObservable } from '@angular/core/rxjs-interop';
import { type Endpoint, EndpointState, textMessage } from 'rxflare';
import { injectCommunicator, injectEndpoints } from 'rxflare/angular';
import {
  describeEndpoint,
  disconnectThrough,
  type EndpointDetails,
  type RelayedMessage,
  relayedMessages,
  roundTrips,
  sendThrough,
  type StatsReport,
  watchStats,
} from 'rxflare/monitor';
import {
  distinctUntilChanged,
  EMPTY,
  map,
  type Observable,
  repeat,
  retry,
  share,
  Subject,
  switchMap,
  timer,
} from 'rxjs';

import { PageAccess } from '../shared/page-access';
import { connectPage, RETRY_MS } from '../shared/page-endpoint';

const PERIOD_MS = 1_000;

/** More are too many to look at. */
const MAX_ENDPOINTS = 200;

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

  /** Whether the hub lets this page in. */
  readonly isAllowed$: Observable<boolean> = connectPage(this.#page, this.#access, this.hub$);

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
