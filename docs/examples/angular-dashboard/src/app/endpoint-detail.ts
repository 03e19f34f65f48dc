import {
  ChangeDetectionStrategy,
  Component,
  computed,
  effect,
  type ElementRef,
  input,
  output,
  signal,
  viewChild,
} from '@angular/core';
import { EndpointState } from 'rxflare';
import type { EndpointDetails } from 'rxflare/monitor';

import { isBad } from './event-list';
import { formatBytes, formatClock, formatCount } from '../shared/format';
import type { NumberedEvent, Row } from './picture';
import { TrafficChart } from './traffic-chart';

/** One endpoint: where it is, what it says of itself, its certificate, its traffic and its events. */
@Component({
  selector: 'rxf-endpoint-detail',
  changeDetection: ChangeDetectionStrategy.OnPush,
  imports: [TrafficChart],
  templateUrl: './endpoint-detail.html',
  styleUrl: './endpoint-detail.css',
})
export class EndpointDetail {
  private readonly dialog = viewChild.required<ElementRef<HTMLDialogElement>>('dialog');

  /** The endpoint to show; `undefined` shows nothing. */
  readonly name = input.required<string | undefined>();
  /** `undefined` where the last report leaves it out. */
  readonly row = input.required<Row | undefined>();
  /** `undefined` until the hub has answered. */
  readonly details = input.required<EndpointDetails | undefined>();
  readonly allEvents = input.required<readonly NumberedEvent[]>();
  /** The hub is there. */
  readonly canAct = input.required<boolean>();
  /** Why the last wish was not granted. */
  readonly fault = input.required<string>();

  readonly closed = output();
  readonly write = output<string>();
  readonly disconnect = output<string>();

  /** The user is asked whether to disconnect. */
  readonly isAsking = signal(false);
  readonly events = computed(() =>
    this.allEvents().filter(({ endpointName }) => endpointName === this.name()),
  );
  readonly isReady = computed(() => this.row()?.state === EndpointState.READY);
  readonly expiry = computed(() => {
    const { validTo } = this.details()?.certificate ?? {};
    if (validTo === undefined) return undefined;
    const days = Math.floor((Date.parse(validTo) - Date.now()) / 86_400_000);
    return { date: validTo.slice(0, 10), days, isSoon: days < 30 };
  });

  readonly formatBytes = formatBytes;
  readonly formatClock = formatClock;
  readonly formatCount = formatCount;
  readonly isBad = isBad;

  constructor() {
    effect(() => {
      const dialog = this.dialog().nativeElement;
      if (this.name() === undefined) dialog.close();
      else if (!dialog.open) dialog.showModal();
      this.isAsking.set(false);
    });
  }

  /** A click beside the panel closes it. */
  clickOutside(event: Event): void {
    if (event.target === this.dialog().nativeElement) this.closed.emit();
  }

  confirm(): void {
    this.isAsking.set(false);
    this.disconnect.emit(this.name() ?? '');
  }
}
