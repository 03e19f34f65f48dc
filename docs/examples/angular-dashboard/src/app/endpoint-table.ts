import { ChangeDetectionStrategy, Component, computed, input, output, signal } from '@angular/core';
import { EndpointState } from 'rxflare';

import { formatBytes, formatCount } from './format';
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

  readonly filter = signal('');
  readonly isLong = signal(false);
  readonly isMany = computed(() => {
    const rows = this.rows() ?? [];
    return rows.length > SHOWN || rows.length < this.known();
  });
  readonly found = computed(() => {
    const wanted = this.filter().trim().toLowerCase();
    return (this.rows() ?? []).filter(({ name }) => name.toLowerCase().includes(wanted));
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

  readonly READY = EndpointState.READY;
  readonly formatBytes = formatBytes;
  readonly formatCount = formatCount;
}
