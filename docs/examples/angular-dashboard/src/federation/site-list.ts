import { ChangeDetectionStrategy, Component, computed, inject, output } from '@angular/core';
import type { SiteReport } from 'rxflare/flare/dashboard';

import { formatDate, formatDuration } from '../shared/format';
import { FederationConnection } from './federation-connection';

/** The sites: who is there, what each runs and has. */
@Component({
  selector: 'rxf-site-list',
  changeDetection: ChangeDetectionStrategy.OnPush,
  host: { class: 'card' },
  templateUrl: './site-list.html',
  styleUrls: ['../shared/table.css', './site-list.css'],
})
export class SiteList {
  readonly #connection = inject(FederationConnection);

  /** A person wants to look at a job. */
  readonly open = output<string>();

  readonly system = computed(() => this.#connection.system().value);
  readonly sites = computed(() => this.system()?.sites ?? []);
  readonly tally = computed(() => {
    const there = this.sites().filter(({ state }) => state === 'connected').length;
    return `${there} of ${this.sites().length} connected`;
  });
  readonly #names = computed(
    () => new Map((this.#connection.jobs().value?.jobs ?? []).map(({ jobId, name }) => [jobId, name])),
  );

  readonly formatDate = formatDate;

  nameOf(jobId: string): string {
    return this.#names().get(jobId) ?? jobId.slice(0, 8);
  }

  /** How long ago a site was heard of: as old as the report, and older each second. */
  ago({ lastSeen }: SiteReport): string {
    if (lastSeen === null) return 'unknown';
    const ms = this.#connection.now() - lastSeen;
    return ms < 2_000 ? 'just now' : `${formatDuration(Math.round(ms / 1_000) * 1_000)} ago`;
  }
}
