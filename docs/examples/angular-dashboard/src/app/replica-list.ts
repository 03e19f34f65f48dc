import { ChangeDetectionStrategy, Component, computed, input, signal } from '@angular/core';

import { formatBytes, formatCount } from '../shared/format';
import type { ClusterPicture } from './cluster-picture';

/** How many replicas, and how many hops, are shown until the user asks for more. */
const SHOWN = 12;

/** The replicas of a cluster, and the traffic between them. */
@Component({
  selector: 'rxf-replica-list',
  changeDetection: ChangeDetectionStrategy.OnPush,
  host: { class: 'card' },
  templateUrl: './replica-list.html',
  styleUrls: ['../shared/table.css', './replica-list.css'],
})
export class ReplicaList {
  readonly cluster = input.required<ClusterPicture>();

  readonly isLong = signal(false);
  readonly replicas = computed(() => this.#part(this.cluster().replicas));
  readonly hops = computed(() => this.#part(this.cluster().hops));
  readonly hidden = computed(() => {
    const { replicas, hops } = this.cluster();
    return replicas.length - this.replicas().length + hops.length - this.hops().length;
  });

  readonly formatBytes = formatBytes;
  readonly formatCount = formatCount;

  #part<T>(all: readonly T[]): readonly T[] {
    return this.isLong() ? all : all.slice(0, SHOWN);
  }
}
