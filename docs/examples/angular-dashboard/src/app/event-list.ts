import { ChangeDetectionStrategy, Component, input } from '@angular/core';

import { formatClock } from '../shared/format';
import type { NumberedEvent } from './picture';

/** What happened, the newest on top. */
@Component({
  selector: 'rxf-event-list',
  changeDetection: ChangeDetectionStrategy.OnPush,
  host: { class: 'card' },
  template: `
    <header>
      <h2 id="events">Events</h2>
      <p class="soft">newest first</p>
    </header>
    <ol aria-labelledby="events" tabindex="0">
      @for (event of events(); track event.number) {
        <li [class.is-bad]="isBad(event)">
          <time class="mono soft">{{ formatClock(event.at) }}</time>
          <span>{{ event.text }}</span>
        </li>
      } @empty {
        <li class="soft">Nothing has happened yet.</li>
      }
    </ol>
  `,
  styles: `
    :host {
      display: flex;
      flex-direction: column;
      height: 24rem;
    }

    ol {
      position: relative;
      flex: 1;
      overflow-y: auto;
      margin: 0 0.25rem 0.5rem;
      padding: 0 0.75rem;
      list-style: none;
      scrollbar-width: thin;
    }

    li {
      display: flex;
      gap: 0.75rem;
      padding: 0.375rem 0;
      font-size: 0.875rem;
      overflow-wrap: anywhere;
    }

    li + li {
      border-top: 1px solid var(--line);
    }

    time {
      flex: none;
      line-height: 1.65;
    }

    .is-bad span {
      color: var(--bad);
    }
  `,
})
export class EventList {
  readonly events = input.required<readonly NumberedEvent[]>();
  readonly formatClock = formatClock;
  readonly isBad = isBad;
}

/** That a watcher leaves is no trouble, whatever was on the way to it. */
export function isBad({ code, type, isWatcher }: NumberedEvent): boolean {
  return isWatcher === undefined && (code !== undefined || type === 'dropped' || type === 'evicted');
}
