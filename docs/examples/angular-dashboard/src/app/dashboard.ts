import {
  ChangeDetectionStrategy,
  Component,
  computed,
  DestroyRef,
  inject,
  signal,
  viewChild,
} from '@angular/core';
import { takeUntilDestroyed, toObservable, toSignal } from '@angular/core/rxjs-interop';
import { EndpointState } from 'rxflare';
import { concat, debounce, map, merge, type Observable, of, scan, switchMap, timer } from 'rxjs';

import { Conversation } from './conversation';
import { EndpointDetail } from './endpoint-detail';
import { EndpointTable, type Found } from './endpoint-table';
import { EventList } from './event-list';
import { formatBytes, formatClock, formatCount, formatMs } from '../shared/format';
import { HubConnection } from './hub-connection';
import { advance, HOUR_MS, type Picture, plus, ratesOf, SPAN_MS } from './picture';
import { ReplicaList } from './replica-list';
import { Tile } from '../shared/tile';
import { TrafficChart } from './traffic-chart';
import { WatcherList } from './watcher-list';

const ROUND_TRIPS = 60;

/** The hub is asked for what the user looks for when no key was pressed for this long. */
const TYPING_MS = 200;

/** The whole page: the last report of the hub, and what to do where none comes. */
@Component({
  selector: 'rxf-dashboard',
  changeDetection: ChangeDetectionStrategy.OnPush,
  imports: [
    Conversation,
    EndpointDetail,
    EndpointTable,
    EventList,
    ReplicaList,
    Tile,
    TrafficChart,
    WatcherList,
  ],
  templateUrl: './dashboard.html',
  styleUrl: './dashboard.css',
})
export class Dashboard {
  readonly #connection = inject(HubConnection);
  readonly #destroyed = inject(DestroyRef);
  private readonly conversation = viewChild.required(Conversation);

  readonly name = this.#connection.name;
  readonly hub = this.#connection.hub;
  /** Until the hub has answered, nothing is wrong. */
  readonly isAllowed = toSignal(this.#connection.isAllowed$, { initialValue: true });
  readonly picture = toSignal(
    this.#connection.report$.pipe(
      scan<Parameters<typeof advance>[1], Picture | undefined>(
        (picture, report) => advance(picture, report, this.name),
        undefined,
      ),
    ),
  );
  /** What the user looks for at the hub; empty where all that it has is here. */
  readonly wanted = signal('');
  readonly found = toSignal(
    toObservable(this.wanted).pipe(
      debounce((text) => (text === '' ? of(0) : timer(TYPING_MS))),
      switchMap((text) => (text === '' ? of(undefined) : this.#find(text))),
    ),
  );
  readonly fault = toSignal(
    merge(
      this.#connection.fault$,
      merge(this.#connection.report$, this.#connection.hub$).pipe(map(() => undefined)),
    ),
  );
  readonly roundTrips = toSignal(
    this.#connection.roundTripMs$.pipe(
      scan((last: readonly number[], ms) => [...last, ms].slice(-ROUND_TRIPS), []),
    ),
    { initialValue: [] },
  );

  readonly status = computed(() => this.picture()?.status ?? 'live');
  readonly ready = computed(() =>
    (this.picture()?.rows ?? []).filter(({ state }) => state === EndpointState.READY),
  );
  /** Whether the hub knows more endpoints than it tells of. */
  readonly isPart = computed(() => (this.picture()?.rows.length ?? 0) < (this.totals()?.endpoints ?? 0));
  readonly totals = computed(() => this.picture()?.totals);
  /** Messages that were lost, or may have been. */
  readonly lost = computed(() => {
    const totals = this.totals();
    return totals && plus(totals.undelivered, totals.unknown).messages;
  });
  readonly samples = computed(() => this.picture()?.samples ?? []);
  readonly now = computed(() => this.samples().at(-1));
  /** What the user chose; until then, the hour is shown where more of it is known than two minutes show. */
  readonly wantsHour = signal<boolean | undefined>(undefined);
  readonly isHour = computed(() => {
    const past = this.picture()?.past ?? [];
    const knownMs = (past.at(-1)?.at ?? 0) - (past[0]?.at ?? 0);
    return this.wantsHour() ?? knownMs > 2 * SPAN_MS;
  });
  readonly spanMs = computed(() => (this.isHour() ? HOUR_MS : SPAN_MS));
  readonly charted = computed(() => (this.isHour() ? ratesOf(this.picture()?.past ?? []) : this.samples()));
  /** The endpoint that is looked at. */
  readonly selected = signal<string | undefined>(undefined);
  readonly selectedRow = computed(() =>
    [...(this.picture()?.rows ?? []), ...(this.found()?.rows ?? [])].find(
      ({ name }) => name === this.selected(),
    ),
  );
  readonly details = toSignal(
    toObservable(this.selected).pipe(
      switchMap((name) =>
        name === undefined ? of(undefined) : concat(of(undefined), this.#connection.describe(name)),
      ),
    ),
  );
  readonly detailFault = signal('');
  readonly lastRoundTrip = computed(() => this.roundTrips().at(-1));
  readonly medianRoundTrip = computed(() => {
    const sorted = [...this.roundTrips()].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
  });

  readonly formatBytes = formatBytes;
  readonly formatClock = formatClock;
  readonly formatCount = formatCount;
  readonly formatMs = formatMs;

  /** Takes the keyboard past the endpoints. The address stays as it is: the page finds its hub by that. */
  skip(event: Event): void {
    event.preventDefault();
    this.conversation().focusHeading();
  }

  /** Has the hub disconnect an endpoint. */
  disconnect(hub: string, name: string): void {
    this.detailFault.set('');
    this.#connection
      .disconnect(hub, name)
      .pipe(takeUntilDestroyed(this.#destroyed))
      .subscribe({
        error: (error: unknown) =>
          this.detailFault.set(error instanceof Error ? error.message : String(error)),
      });
  }

  /** What the hub finds, again and again, so that the figures are as current as all others. */
  #find(text: string): Observable<Found> {
    return this.#connection.find(text).pipe(
      scan<Parameters<typeof advance>[1], Found & { readonly picture: Picture }, undefined>(
        (last, report) => {
          const picture = advance(last?.picture, report, this.name);
          return { text, rows: picture.rows, count: report.found ?? picture.rows.length, picture };
        },
        undefined,
      ),
    );
  }

  /** Prepares a message to an endpoint. */
  writeTo(name: string): void {
    this.conversation().writeTo(name);
  }
}
