import {
  ChangeDetectionStrategy,
  Component,
  computed,
  DOCUMENT,
  inject,
  input,
  output,
  signal,
} from '@angular/core';
import { EndpointState } from 'rxflare';

import { formatBytes, formatCount } from '../shared/format';
import { inOrder, type Order, ORDERS } from './order';
import type { Row } from './picture';

/** How many endpoints are shown until the user asks for more. */
const SHOWN = 25;

/** The longest text that the hub looks for. */
const MAX_WANTED = 128;

/** All endpoints that the hub knows: a table, and cards where there is no room for one. */
@Component({
  selector: 'rxf-endpoint-table',
  changeDetection: ChangeDetectionStrategy.OnPush,
  host: { class: 'card' },
  templateUrl: './endpoint-table.html',
  styleUrls: ['../shared/table.css', './endpoint-table.css'],
})
export class EndpointTable {
  /** `undefined` until the first report of the hub. */
  readonly rows = input.required<readonly Row[] | undefined>();
  /** How many endpoints there are; the rows may be the busiest of them. */
  readonly known = input.required<number>();
  /** What the hub found beyond the rows; `undefined` until it has answered. */
  readonly answer = input.required<Found | undefined>();
  /** Where the hub listens. */
  readonly listeners = input.required<readonly string[]>();
  readonly canWrite = input.required<boolean>();
  /** A person wants to write to an endpoint. */
  readonly write = output<string>();
  /** A person wants to look at an endpoint. */
  readonly open = output<string>();

  readonly filter = signal('');
  /** What the hub is asked for: where the rows are not all, only the hub can find the others. */
  readonly wanted = output<string>();
  readonly order = signal<Order>('state');
  readonly isReversed = signal(false);
  readonly isLong = signal(false);
  readonly isMany = computed(() => {
    const rows = this.rows() ?? [];
    return rows.length > SHOWN || rows.length < this.known();
  });
  readonly #text = computed(() => this.filter().trim().toLowerCase());
  readonly #isPart = computed(() => (this.rows() ?? []).length < this.known());
  readonly #found = computed(() => {
    const answer = this.answer();
    return this.#isPart() && answer !== undefined && answer.text === this.#text() ? answer : undefined;
  });
  readonly found = computed(() => {
    const text = this.#text();
    const rows = (this.rows() ?? []).filter(({ name }) => name.toLowerCase().includes(text));
    return inOrder(this.#found()?.rows ?? rows, this.order(), this.isReversed());
  });
  /** The hub is still looking. */
  readonly isLooking = computed(
    () => this.#isPart() && this.#text() !== '' && this.#found() === undefined && this.canWrite(),
  );
  readonly tally = computed(() => {
    const [rows, known, shown] = [(this.rows() ?? []).length, this.known(), this.found().length];
    const [all, found] = [known.toLocaleString('en'), this.#found()];
    if (found !== undefined) {
      const count = found.count.toLocaleString('en');
      return shown < found.count ? `the busiest ${shown} of ${count} found in ${all}` : `${count} of ${all}`;
    }
    if (this.isLooking()) return `looking through ${all} …`;
    const listed = this.#isPart() ? `the busiest ${rows} of ${all}` : `${rows} known`;
    return this.#text() === '' ? listed : `${shown} of ${listed}`;
  });
  readonly shown = computed(() => (this.isLong() ? this.found() : this.found().slice(0, SHOWN)));
  readonly hidden = computed(() => this.found().length - this.shown().length);
  readonly isAlone = computed(() => (this.rows() ?? []).length === 0);
  /** Where others can join. The listener of this page is for this page alone. */
  readonly #location = inject(DOCUMENT).location;
  readonly joinUrls = computed(() =>
    this.listeners()
      .filter((url) => portOf(url) !== this.#location.port)
      .map((url) => url.replace('://0:', `://${this.#location.hostname}:`)),
  );

  readonly columns: readonly Column[] = [
    { label: 'Name', order: 'name' },
    { label: 'State', order: 'state' },
    { label: 'Transport' },
    { label: 'Address' },
    { label: 'Encryption' },
    { label: 'Received', order: 'received', isNumber: true },
    { label: 'Sent', order: 'sent', isNumber: true },
    { label: 'Waiting', order: 'waiting', isNumber: true },
    { label: 'Lost', order: 'lost', isNumber: true },
  ];
  readonly ORDERS = ORDERS;
  readonly READY = EndpointState.READY;
  readonly formatBytes = formatBytes;
  readonly formatCount = formatCount;

  /** Looks for a text, here and, where this is not all, at the hub. */
  look(text: string): void {
    this.filter.set(text.slice(0, MAX_WANTED));
    this.wanted.emit(this.#isPart() ? this.#text() : '');
  }

  /** Sorts by a column; a second time the other way round. */
  sortBy(order: Order): void {
    this.isReversed.set(this.order() === order && !this.isReversed());
    this.order.set(order);
  }

  /** How the table is sorted by a column, for screen readers. Figures begin with the highest. */
  ariaSort({ order, isNumber = false }: Column): 'ascending' | 'descending' | null {
    if (order === undefined || order !== this.order()) return null;
    return isNumber === this.isReversed() ? 'ascending' : 'descending';
  }

  /** A name in a list of orders. */
  isOrder(text: string): text is Order {
    return ORDERS.some((each) => each === text);
  }
}

/** What the hub found. */
export interface Found {
  /** What it was asked for. */
  readonly text: string;
  /** The busiest. */
  readonly rows: readonly Row[];
  /** How many there are. */
  readonly count: number;
}

interface Column {
  readonly label: string;
  /** What its header sorts by. */
  readonly order?: Order;
  readonly isNumber?: boolean;
}

/** The port of a URL of any scheme; empty where it has none, as `inproc://hub`. */
function portOf(url: string): string {
  return /:(\d+)(?:\/|$)/.exec(url)?.[1] ?? '';
}
