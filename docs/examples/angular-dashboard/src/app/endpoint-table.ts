import { ChangeDetectionStrategy, Component, computed, input, output, signal } from '@angular/core';
import { EndpointState } from 'rxflare';

import { formatBytes, formatCount } from './format';
import { inOrder, type Order, ORDERS } from './order';
import type { Row } from './picture';

/** How many endpoints are shown until the user asks for more. */
const SHOWN = 25;

/** All endpoints that the hub knows: a table, and cards where there is no room for one. */
@Component({
  selector: 'rxf-endpoint-table',
  changeDetection: ChangeDetectionStrategy.OnPush,
  host: { class: 'card' },
  templateUrl: './endpoint-table.html',
  styleUrl: './endpoint-table.css',
})
export class EndpointTable {
  /** `undefined` until the first report of the hub. */
  readonly rows = input.required<readonly Row[] | undefined>();
  /** How many endpoints there are; the rows may be the busiest of them. */
  readonly known = input.required<number>();
  readonly canWrite = input.required<boolean>();
  /** A person wants to write to an endpoint. */
  readonly write = output<string>();
  /** A person wants to look at an endpoint. */
  readonly open = output<string>();

  readonly filter = signal('');
  readonly order = signal<Order>('state');
  readonly isReversed = signal(false);
  readonly isLong = signal(false);
  readonly isMany = computed(() => {
    const rows = this.rows() ?? [];
    return rows.length > SHOWN || rows.length < this.known();
  });
  readonly found = computed(() => {
    const wanted = this.filter().trim().toLowerCase();
    const found = (this.rows() ?? []).filter(({ name }) => name.toLowerCase().includes(wanted));
    return inOrder(found, this.order(), this.isReversed());
  });
  readonly tally = computed(() => {
    const [rows, found] = [(this.rows() ?? []).length, this.found().length];
    const all =
      rows < this.known() ? `the busiest ${rows} of ${this.known().toLocaleString('en')}` : `${rows} known`;
    return this.filter() === '' ? all : `${found} of ${all}`;
  });
  readonly shown = computed(() => (this.isLong() ? this.found() : this.found().slice(0, SHOWN)));
  readonly hidden = computed(() => this.found().length - this.shown().length);
  readonly isAlone = computed(() => (this.rows() ?? []).length === 0);

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

interface Column {
  readonly label: string;
  /** What its header sorts by. */
  readonly order?: Order;
  readonly isNumber?: boolean;
}
