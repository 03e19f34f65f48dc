import {
  ChangeDetectionStrategy,
  Component,
  computed,
  DestroyRef,
  type ElementRef,
  inject,
  input,
  linkedSignal,
  signal,
  viewChild,
} from '@angular/core';
import { takeUntilDestroyed } from '@angular/core/rxjs-interop';
import { textOf } from 'rxflare';
import { EVERYONE } from 'rxflare/monitor';

import { formatBytes, formatClock } from '../shared/format';
import { HubConnection } from './hub-connection';
import type { Row } from './picture';

/** One message as it is shown. */
interface Line {
  readonly number: number;
  readonly at: number;
  readonly direction: 'in' | 'out';
  readonly peer: string;
  readonly appId: number;
  readonly text: string;
}

const LINES = 100;
const TEXT = 400;

/** Messages between the hub and its endpoints under one app ID, and a form to send one. */
@Component({
  selector: 'rxf-conversation',
  changeDetection: ChangeDetectionStrategy.OnPush,
  host: { class: 'card' },
  templateUrl: './conversation.html',
  styleUrl: './conversation.css',
})
export class Conversation {
  readonly #connection = inject(HubConnection);
  readonly #destroyed = inject(DestroyRef);
  private readonly heading = viewChild.required<ElementRef<HTMLElement>>('heading');
  private readonly textBox = viewChild.required<ElementRef<HTMLInputElement>>('textField');

  readonly hub = input.required<string | undefined>();
  readonly receivers = input.required<readonly Row[]>();
  /** Whether there are more endpoints than the receivers. */
  readonly isPart = input.required<boolean>();

  readonly text = signal('');
  readonly appId = signal(100);
  readonly fault = signal('');
  readonly lines = signal<readonly Line[]>([]);
  #number = 0;
  readonly #chosen = signal<string | undefined>(undefined);
  /** The receivers by name, and one that was chosen among those that are not told of. */
  readonly names = computed(() => {
    const names = this.receivers().map(({ name }) => name);
    const chosen = this.#chosen();
    const isLeftOut = chosen !== undefined && chosen !== EVERYONE && !names.includes(chosen);
    return isLeftOut && this.isPart() ? [chosen, ...names] : names;
  });
  /** Stays as chosen while that endpoint is there, or may be. */
  readonly to = linkedSignal(() => {
    const [names, chosen] = [this.names(), this.#chosen()];
    return chosen !== undefined && (chosen === EVERYONE || names.includes(chosen)) ? chosen : names[0];
  });
  readonly canSend = computed(
    () => this.hub() !== undefined && this.to() !== undefined && this.text() !== '',
  );

  /** While the messages are paused, what comes waits here, the newest first. */
  readonly held = signal<readonly Line[]>([]);
  readonly isPaused = signal(false);

  readonly EVERYONE = EVERYONE;
  readonly formatClock = formatClock;

  constructor() {
    this.#connection.message$.pipe(takeUntilDestroyed()).subscribe(({ from, appId, message, missed }) => {
      if (missed > 0) this.#add('in', from, appId, `(${missed} messages left out: too many to show)`);
      this.#add('in', from, appId, readable(textOf(message), message.payload?.length ?? 0));
    });
  }

  /** Takes the keyboard to where the messages begin. */
  focusHeading(): void {
    this.heading().nativeElement.focus();
  }

  /** Chooses a receiver and goes to the text. */
  writeTo(name: string): void {
    this.#chosen.set(name);
    this.textBox().nativeElement.focus();
  }

  choose(name: string): void {
    this.#chosen.set(name);
  }

  /** Sends what is written; it stays there when that fails. */
  send(event: Event): void {
    event.preventDefault();
    const [hub, to, text, appId] = [this.hub(), this.to(), this.text(), this.appId()];
    if (hub === undefined || to === undefined || text === '') return;
    this.fault.set('');
    this.#connection
      .send(hub, to, appId, text)
      .pipe(takeUntilDestroyed(this.#destroyed))
      .subscribe({
        next: (endpoints) => {
          this.#add(
            'out',
            to === EVERYONE ? `all ${endpoints.toLocaleString('en')} endpoints` : to,
            appId,
            text,
          );
          this.text.set('');
        },
        error: (error: unknown) => this.fault.set(error instanceof Error ? error.message : String(error)),
      });
  }

  /** Stops what moves, so that it can be read; then shows what came in between. */
  togglePause(): void {
    if (this.isPaused()) this.lines.update((lines) => [...this.held(), ...lines].slice(0, LINES));
    this.held.set([]);
    this.isPaused.update((isPaused) => !isPaused);
  }

  #add(direction: Line['direction'], peer: string, appId: number, text: string): void {
    const target = this.isPaused() ? this.held : this.lines;
    this.#number += 1;
    const line = { number: this.#number, at: Date.now(), direction, peer, appId, text };
    target.update((lines) => [line, ...lines].slice(0, LINES));
  }
}

/** A text as far as there is room for it, or the size of what is not text. */
function readable(text: string, bytes: number): string {
  // Bytes that are no UTF-8, and control characters that are no white space.
  if (/[\uFFFD\u0000-\u0008\u000E-\u001F]/.test(text)) return `(${formatBytes(bytes)} of binary data)`;
  return text.length > TEXT ? `${text.slice(0, TEXT)} … (${formatBytes(bytes)})` : text;
}
