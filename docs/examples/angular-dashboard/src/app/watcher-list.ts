import { ChangeDetectionStrategy, Component, computed, input } from '@angular/core';
import { EndpointState } from 'rxflare';

import type { Row } from './picture';

/** Who only looks at the hub: this page, other dashboards, `rxflare top`. They count as no endpoints. */
@Component({
  selector: 'rxf-watcher-list',
  changeDetection: ChangeDetectionStrategy.OnPush,
  host: { class: 'card' },
  template: `
    <header>
      <h2 id="watchers">Watchers</h2>
      <p class="soft">they look at the hub, and count as no endpoints</p>
    </header>
    <ul aria-labelledby="watchers">
      @for (row of ready(); track row.name) {
        <li [attr.data-watcher]="row.name">
          <span class="dot" aria-hidden="true"></span>
          <span class="name">{{ row.name }}</span>
          @if (row.isSelf) {
            <span class="tag">this page</span>
          }
          <span class="soft mono">{{ row.transport }} {{ row.address }}</span>
        </li>
      }
      @if (others() > 0) {
        <li class="soft">{{ others().toLocaleString('en') }} more, most of them gone</li>
      }
    </ul>
  `,
  styles: `
    :host {
      display: block;
    }

    ul {
      display: flex;
      flex-wrap: wrap;
      gap: 0.375rem 1.5rem;
      padding: 0 1rem 0.875rem;
      list-style: none;
      font-size: 0.875rem;
    }

    li {
      display: flex;
      flex-wrap: wrap;
      align-items: center;
      gap: 0 0.5rem;
      min-width: 0;
    }

    .dot {
      flex: none;
      width: 0.5rem;
      height: 0.5rem;
      border-radius: 50%;
      background: var(--good);
    }

    .name {
      font-weight: 600;
      overflow-wrap: anywhere;
    }

    .tag {
      padding: 0.0625rem 0.375rem;
      border-radius: 0.25rem;
      background: var(--sunken);
      color: var(--ink-soft);
      font-size: 0.75rem;
      font-weight: 500;
      white-space: nowrap;
    }
  `,
})
export class WatcherList {
  readonly rows = input.required<readonly Row[]>();
  /** How many watchers the hub knows; the rows may be the busiest of them. */
  readonly known = input.required<number>();

  readonly ready = computed(() =>
    this.rows()
      .filter(({ state }) => state === EndpointState.READY)
      .slice(0, SHOWN),
  );
  readonly others = computed(() => this.known() - this.ready().length);
}

/** How many watchers are shown by name. */
const SHOWN = 8;
