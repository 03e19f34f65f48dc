import { ChangeDetectionStrategy, Component, computed, input, output, signal } from '@angular/core';
import { EndpointState } from 'rxflare';

import { formatBytes, formatCount } from './format';
import type { Row } from './picture';

/** So many are shown until more are asked for. */
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
  /** `undefined` until the hub has told. */
  readonly rows = input.required<readonly Row[] | undefined>();
  readonly canWrite = input.required<boolean>();
  /** A person wants to write to an endpoint. */
  readonly write = output<string>();

  readonly filter = signal('');
  readonly isLong = signal(false);
  readonly isMany = computed(() => (this.rows()?.length ?? 0) > SHOWN);
  readonly found = computed(() => {
    const wanted = this.filter().trim().toLowerCase();
    return (this.rows() ?? []).filter(({ name }) => name.toLowerCase().includes(wanted));
  });
  readonly tally = computed(() => {
    const [known, found] = [this.rows() ?? [], this.found()].map(countOthers);
    return this.filter() === '' ? `${known} known` : `${found} of ${known}`;
  });
  readonly shown = computed(() => (this.isLong() ? this.found() : this.found().slice(0, SHOWN)));
  readonly hidden = computed(() => this.found().length - this.shown().length);
  readonly isAlone = computed(() => (this.rows() ?? []).every(({ isSelf }) => isSelf));

  readonly READY = EndpointState.READY;
  readonly formatBytes = formatBytes;
  readonly formatCount = formatCount;
}

function countOthers(rows: readonly Row[]): number {
  return rows.filter(({ isSelf }) => !isSelf).length;
}
