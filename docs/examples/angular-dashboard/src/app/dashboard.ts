import { AsyncPipe } from '@angular/common';
import { ChangeDetectionStrategy, Component, computed, inject, viewChild } from '@angular/core';
import { toSignal } from '@angular/core/rxjs-interop';
import { EndpointState } from 'rxflare';
import { map, merge, scan } from 'rxjs';

import { Conversation } from './conversation';
import { EndpointTable } from './endpoint-table';
import { EventList } from './event-list';
import { formatBytes, formatClock, formatCount, formatMs } from './format';
import { HubConnection } from './hub-connection';
import { advance, type Picture, plus } from './picture';
import { Tile } from './tile';
import { TrafficChart } from './traffic-chart';
import { WatcherList } from './watcher-list';

const ROUND_TRIPS = 60;

/** The whole page: the last report of the hub, and what to do where none comes. */
@Component({
  selector: 'rxf-dashboard',
  changeDetection: ChangeDetectionStrategy.OnPush,
  imports: [AsyncPipe, Conversation, EndpointTable, EventList, Tile, TrafficChart, WatcherList],
  templateUrl: './dashboard.html',
  styleUrl: './dashboard.css',
})
export class Dashboard {
  readonly #connection = inject(HubConnection);
  private readonly conversation = viewChild.required(Conversation);

  readonly name = this.#connection.name;
  readonly hub$ = this.#connection.hub$;
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
  readonly fault = toSignal(
    merge(this.#connection.fault$, merge(this.#connection.report$, this.hub$).pipe(map(() => undefined))),
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
  readonly totals = computed(() => this.picture()?.totals);
  /** Messages that were lost, or may have been. */
  readonly lost = computed(() => {
    const totals = this.totals();
    return totals && plus(totals.undelivered, totals.unknown).messages;
  });
  readonly samples = computed(() => this.picture()?.samples ?? []);
  readonly now = computed(() => this.samples().at(-1));
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

  /** Prepares a message to an endpoint. */
  writeTo(name: string): void {
    this.conversation().writeTo(name);
  }
}
