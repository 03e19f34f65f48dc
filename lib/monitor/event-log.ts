import type { ReportedEvent } from './reported-event.js';

/** A ring of the newest events, numbered from 0, so that a reader can continue where it stopped. */
export class EventLog {
  readonly #limit: number;
  readonly #events: ReportedEvent[] = [];
  #end = 0;

  /** Keeps at most `limit` events. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The number that the next event will have. */
  get end(): number {
    return this.#end;
  }

  /** Adds one, and evicts the oldest where the log is full. */
  add(event: ReportedEvent): void {
    this.#events.push(event);
    this.#end += 1;
    if (this.#events.length > this.#limit) this.#events.shift();
  }

  /** The events from number `start` on that are still kept, and how many from there on were evicted. */
  since(start: number): { readonly events: readonly ReportedEvent[]; readonly missedEvents: number } {
    const first = this.#end - this.#events.length;
    const missedEvents = Math.max(0, first - start);
    return { events: this.#events.slice(Math.max(0, start - first)), missedEvents };
  }
}
