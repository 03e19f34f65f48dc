import type { SchedulerLike } from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { VirtualConnection } from './virtual-connection.js';

/**
 * What a link does with frames.
 *
 * - `up`: delivers them, after the latency
 * - `down`: nothing; connections break, and new ones are refused
 * - `stalled`: holds them, and delivers them when it is up again; neither side is told
 * - `lossy`: loses what is sent meanwhile, heartbeats too; neither side is told
 */
export type LinkState = 'up' | 'down' | 'stalled' | 'lossy';

/** What lies between two endpoints: all their connections run over it. */
export class VirtualLink {
  /** For messages: `site-1 and hub`. */
  readonly name: string;
  readonly scheduler: SchedulerLike;
  /** From `send` to the other side. */
  latencyMs: number;
  readonly #connections = new Set<VirtualConnection>();
  #state: LinkState = 'up';

  constructor(name: string, scheduler: SchedulerLike, latencyMs: number) {
    this.name = name;
    this.scheduler = scheduler;
    this.latencyMs = latencyMs;
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Puts the link into another state. */
  change(state: LinkState): void {
    this.#state = state;
    for (const connection of [...this.#connections]) {
      if (state === 'down') void connection.close(this.downError());
      else connection.deliverSoon();
    }
  }

  /** Lets a connection run over this link, until it ends. */
  attach(connection: VirtualConnection): void {
    this.#connections.add(connection);
  }

  /** Forgets a connection that has ended. */
  detach(connection: VirtualConnection): void {
    this.#connections.delete(connection);
  }

  /** Why a connection broke, or could not be made. */
  downError(): CommError {
    return new CommError(CommErrorCode.NOT_READY, `the link between ${this.name} is down`);
  }
}
