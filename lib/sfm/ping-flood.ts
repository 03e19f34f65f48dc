import type { SchedulerLike } from 'rxjs';

/** More PINGs than this within a second are a flood. NVFlare sends one a minute, rxflare one every few seconds. */
export const MAX_UNREAD_PINGS = 1_000;
const UNREAD_PINGS_MS = 1_000;

/** Counts the PINGs that come while a PONG waits to be written. */
export class PingFlood {
  readonly #scheduler: SchedulerLike;
  #pings = 0;
  #sinceMs = 0;

  constructor(scheduler: SchedulerLike) {
    this.#scheduler = scheduler;
  }

  /** Counts one. @returns whether they are a flood */
  count(): boolean {
    const now = this.#scheduler.now();
    if (now - this.#sinceMs > UNREAD_PINGS_MS) {
      this.#sinceMs = now;
      this.#pings = 0;
    }
    this.#pings += 1;
    return this.#pings > MAX_UNREAD_PINGS;
  }
}
