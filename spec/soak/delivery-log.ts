import type { Received, Stamp } from './messages.js';

/** Which of the last holes a late message may fill, to be told from a duplicate. */
const HOLES_KEPT = 20;

/** Where a message came from. */
export interface Origin {
  readonly from: string;
  /** Of the receiver: `CN00001`. */
  readonly connection: string;
}

interface Entry {
  readonly from: string;
  readonly run: number;
  connection: string;
  delivered: number;
  last: number;
  readonly skips: { from: number; to: number }[];
  /** Sequences that were jumped over, which makes a late one disordered and not a duplicate. */
  readonly holes: { from: number; to: number }[];
}

/**
 * What a receiver saw, and what of it must not be: messages twice, out of order, or missing in the middle of one
 * connection.
 */
export class DeliveryLog {
  readonly violations: string[] = [];
  readonly #entries = new Map<string, Entry>();

  get received(): readonly Received[] {
    return [...this.#entries.values()].map(({ from, run, delivered, last, skips }) => ({
      from,
      run,
      delivered,
      last,
      skips,
    }));
  }

  /** Takes note of a message. */
  note({ run, sequence, base }: Stamp, { from, connection }: Origin): void {
    const key = `${from} run ${run}`;
    const entry = this.#entries.get(key) ?? {
      from,
      run,
      connection: '',
      delivered: 0,
      last: 0,
      skips: [],
      holes: [],
    };
    this.#entries.set(key, entry);
    if (sequence <= entry.last) {
      const isLate = entry.holes.some((hole) => hole.from <= sequence && sequence <= hole.to);
      const fault = isLate ? 'out of order' : 'a duplicate';
      this.violations.push(`${key}: message ${sequence} after ${entry.last}: ${fault}`);
      return;
    }
    const isNewConnection = connection !== entry.connection;
    if (sequence > entry.last + 1) {
      const hole = { from: entry.last + 1, to: sequence - 1 };
      entry.holes.push(hole);
      if (entry.holes.length > HOLES_KEPT) entry.holes.shift();
      if (!isNewConnection) {
        this.violations.push(`${key}: ${hole.from} to ${hole.to} are missing within ${connection}`);
      } else if (sequence > base) {
        // What was accepted for an older connection went with that; this was accepted for this one.
        entry.skips.push({ from: Math.max(hole.from, base), to: hole.to });
      }
    }
    entry.connection = connection;
    entry.delivered += 1;
    entry.last = sequence;
  }
}
