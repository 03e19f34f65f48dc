import { ChangeDetectionStrategy, Component, computed, input, output } from '@angular/core';
import { EndpointState } from 'rxflare';

import { formatBytes, formatCount } from './format';
import type { Row } from './picture';

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

  readonly isAlone = computed(() => (this.rows() ?? []).every(({ isSelf }) => isSelf));

  readonly READY = EndpointState.READY;
  readonly formatBytes = formatBytes;
  readonly formatCount = formatCount;
}
