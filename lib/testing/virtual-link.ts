import type { SchedulerLike } from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import { InProcessConnection, type Link } from '../drivers/in-process/in-process-connection.js';

/**
 * What a link does with frames.
 *
 * - `up`: delivers them, after the latency
 * - `down`: nothing; connections break, and new ones are refused
 * - `stalled`: holds them, and delivers them when it is up again; neither side notices
 * - `lossy`: loses what is sent, heartbeats too; neither side notices
 */
export type LinkState = 'up' | 'down' | 'stalled' | 'lossy';

/** What lies between two endpoints: all their connections run over it. */
export class VirtualLink implements Link {
  /** For messages: `site-1 and hub`. */
  readonly name: string;
  readonly scheduler: SchedulerLike;
  /** From `send` to the other side. */
  latencyMs: number;
  readonly #connections = new Set<InProcessConnection>();
  #state: LinkState = 'up';

  constructor(name: string, scheduler: SchedulerLike, latencyMs: number) {
    this.name = name;
    this.scheduler = scheduler;
    this.latencyMs = latencyMs;
  }

  get state(): LinkState {
    return this.#state;
  }

  get isStalled(): boolean {
    return this.#state === 'stalled';
  }

  get isLossy(): boolean {
    return this.#state === 'lossy';
  }

  /** Both ends of a connection over this link: of the endpoint that connects, and of the one that listens. */
  pair(active: string, passive: string): [InProcessConnection, InProcessConnection] {
    const ends = InProcessConnection.pair(active, passive, this);
    for (const end of ends) {
      this.#connections.add(end);
      const forget = () => this.#connections.delete(end);
      end.closed$.subscribe({ error: forget, complete: forget });
    }
    return ends;
  }

  /** Puts the link into another state. */
  change(state: LinkState): void {
    this.#state = state;
    for (const connection of [...this.#connections]) {
      if (state === 'down') void connection.close(this.downError());
      else connection.deliverSoon();
    }
  }

  /** Why a connection broke, or could not be made. */
  downError(): CommError {
    return new CommError(CommErrorCode.NOT_READY, `the link between ${this.name} is down`);
  }
}
