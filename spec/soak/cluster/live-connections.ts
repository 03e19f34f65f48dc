import type { ReplicaView } from '../messages.js';

interface Claims {
  /** The replicas that have the name, by what they said last. */
  readonly holders: Set<number>;
  /** When a second one came, and how long replicas did not run since. */
  since: number;
  lagMs: number;
  isTold: boolean;
}

/**
 * Watches that no two replicas have a live connection of one name for longer than it takes to find out. One that is away
 * from NATS, or frozen, cannot find out: its time does not count.
 */
export class LiveConnections {
  readonly violations: string[] = [];
  readonly #boundMs: number;
  readonly #names = new Map<string, Claims>();

  constructor(boundMs: number) {
    this.#boundMs = boundMs;
  }

  /**
   * What a replica says of itself now.
   *
   * @param lagMs - how long it did not run when it should have, since it spoke last
   */
  note(
    replica: number,
    { isConnected, ready }: Pick<ReplicaView, 'isConnected' | 'ready'>,
    at: number,
    lagMs: number,
  ): void {
    const here = Object.keys(ready).filter((name) => ready[name] === null);
    const held = new Set(isConnected ? here : []);
    for (const name of held) this.#hold(name, replica, at, lagMs);
    for (const [name, claims] of this.#names) if (!held.has(name)) this.#letGo(name, claims, replica);
  }

  /** A replica was killed or frozen: nothing is known of it until it speaks again. */
  forget(replica: number): void {
    for (const [name, claims] of this.#names) this.#letGo(name, claims, replica);
  }

  #hold(name: string, replica: number, at: number, lagMs: number): void {
    const claims = this.#names.get(name) ?? {
      holders: new Set<number>(),
      since: at,
      lagMs: 0,
      isTold: false,
    };
    this.#names.set(name, claims);
    if (!claims.holders.has(replica)) {
      claims.holders.add(replica);
      if (claims.holders.size === 2) Object.assign(claims, { since: at, lagMs: 0 });
    } else claims.lagMs += lagMs;
    const forMs = at - claims.since - claims.lagMs;
    if (claims.holders.size < 2 || claims.isTold || forMs <= this.#boundMs) return;
    claims.isTold = true;
    const who = [...claims.holders].sort().map((each) => each + 1);
    this.violations.push(
      `${name} has had live connections at the replicas ${who.join(' and ')} for ${forMs} ms`,
    );
  }

  #letGo(name: string, claims: Claims, replica: number): void {
    claims.holders.delete(replica);
    if (claims.holders.size < 2) claims.isTold = false;
    if (claims.holders.size === 0) this.#names.delete(name);
  }
}
