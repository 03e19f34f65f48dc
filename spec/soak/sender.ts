import { catchError, EMPTY, Subscription } from 'rxjs';

import { CommError, type Communicator } from '../../lib/index.js';
import { type Sent, stampedMessage } from './messages.js';

const MOST_AT_ONCE = 4;
const SMALL_BYTES = 2_000;
const LARGE_BYTES = 64 * 1024;
/** How many of a hundred messages are large. */
const LARGE_PERCENT = 1;

/** Sends one receiver messages of many sizes, and keeps count of what became of them. */
export class Sender {
  readonly #communicator: Communicator;
  readonly #to: string;
  readonly #app: number;
  readonly #run: number;
  readonly #random: () => number;
  readonly #refused: Record<string, number> = {};
  readonly #evictedAt: number[] = [];
  #waiting = Subscription.EMPTY;
  #accepted = 0;
  #base = 1;
  #dropped = 0;

  constructor(communicator: Communicator, to: string, app: number, run: number, random: () => number) {
    this.#communicator = communicator;
    this.#to = to;
    this.#app = app;
    this.#run = run;
    this.#random = random;
  }

  get sent(): Sent {
    return {
      to: this.#to,
      app: this.#app,
      accepted: this.#accepted,
      refused: this.#refused,
      dropped: this.#dropped,
      evictedAt: this.#evictedAt,
    };
  }

  /** Sends a few messages, unless the receiver is still busy with the last ones. */
  sendSome(): void {
    for (let left = 1 + Math.floor(this.#random() * MOST_AT_ONCE); left > 0; left -= 1) {
      if (this.#waiting.closed) this.#send();
    }
  }

  /** From now on messages are accepted for another connection. */
  connected(): void {
    this.#base = this.#accepted + 1;
  }

  /** The same, but what still waited goes out on that too. */
  evicted(): void {
    this.#evictedAt.push(this.#accepted);
    this.connected();
  }

  /** So many messages will not be delivered. */
  dropped(messages: number): void {
    this.#dropped += messages;
  }

  #send(): void {
    const bytes = Math.floor(
      this.#random() * (this.#random() * 100 < LARGE_PERCENT ? LARGE_BYTES : SMALL_BYTES),
    );
    const stamp = { run: this.#run, sequence: this.#accepted + 1, base: this.#base };
    try {
      const mayGoOn = this.#communicator.send(this.#to, this.#app, stampedMessage(stamp, bytes));
      this.#accepted += 1;
      if (!mayGoOn) this.#waitUntilDrained();
    } catch (error) {
      if (!(error instanceof CommError)) throw error;
      this.#refused[error.code] = (this.#refused[error.code] ?? 0) + 1;
    }
  }

  /** A receiver that goes ends the wait too. */
  #waitUntilDrained(): void {
    const drained$ = this.#communicator.drained(this.#to).pipe(catchError(() => EMPTY));
    this.#waiting = drained$.subscribe();
  }
}
