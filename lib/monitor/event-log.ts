import type { ReportedEvent } from './reported-event.js';

/** The newest events, each with a number of its own, so that a reader can go on where it stopped. */
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

  /** Adds one, in the place of the oldest where it is full. */
  add(event: ReportedEvent): void {
    this.#events.push(event);
    this.#end += 1;
    if (this.#events.length > this.#limit) this.#events.shift();
  }

  /** The events from a number on that are still kept, and how many of them are not. */
  since(start: number): { readonly events: readonly ReportedEvent[]; readonly missedEvents: number } {
    const first = this.#end - this.#events.length;
    const missedEvents = Math.max(0, first - start);
    return { events: this.#events.slice(Math.max(0, start - first)), missedEvents };
  }
}
