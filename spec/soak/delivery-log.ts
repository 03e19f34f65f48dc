import type { Received, Span, Stamp } from './messages.js';

/** Where a message came from. */
export interface Origin {
  readonly from: string;
  readonly app: number;
  /** Of the receiver: `CN00001`. */
  readonly connection: string;
}

/**
 * What must come in order: all messages of one `connection`, and all of them must come; what came over `replicas`, where
 * one may be lost in the middle, which the sender is told of, and what comes on another connection may come late; or
 * `nothing`, since the receiver hands messages to many threads.
 */
export type Order = 'connection' | 'replicas' | 'nothing';

interface Entry {
  readonly origin: Pick<Origin, 'from' | 'app'>;
  readonly run: number;
  connection: string;
  delivered: number;
  last: number;
  overtaken: number;
  readonly skips: Span[];
  /** Sequences that were jumped over, and have not come late. */
  holes: Span[];
}

/**
 * What a receiver saw, and what of it must not be: messages twice, out of order, or missing in the middle of one
 * connection.
 */
export class DeliveryLog {
  readonly violations: string[] = [];
  readonly #orders: Readonly<Record<number, Order>>;
  readonly #entries = new Map<string, Entry>();

  /** @param orders - of applications. Default: `connection` */
  constructor(orders: Readonly<Record<number, Order>> = {}) {
    this.#orders = orders;
  }

  get received(): readonly Received[] {
    return [...this.#entries.values()].map(
      ({ origin: { from, app }, run, delivered, last, overtaken, skips, holes }) => ({
        from,
        run,
        app,
        delivered,
        last,
        overtaken,
        skips,
        holes,
      }),
    );
  }

  /** Takes note of a message. */
  note({ run, sequence, base }: Stamp, { from, app, connection }: Origin): void {
    const key = `${from} run ${run} app ${app}`;
    const entry = this.#entries.get(key) ?? newEntry({ from, app }, run);
    this.#entries.set(key, entry);
    const order = this.#orders[app] ?? 'connection';
    if (sequence <= entry.last) {
      this.#noteLate(key, entry, order, { sequence, connection });
      return;
    }
    if (sequence > entry.last + 1) {
      const hole = { from: entry.last + 1, to: sequence - 1 };
      entry.holes.push(hole);
      if (order === 'connection') this.#noteHole(key, entry, hole, { base, connection });
    }
    entry.connection = connection;
    entry.delivered += 1;
    entry.last = sequence;
  }

  #noteHole(key: string, entry: Entry, { from, to }: Span, next: { base: number; connection: string }): void {
    if (next.connection === entry.connection) {
      this.violations.push(`${key}: ${from} to ${to} are missing within ${next.connection}`);
    } else if (to >= next.base) {
      // What was accepted for an older connection went with that; this was accepted for this one.
      entry.skips.push({ from: Math.max(from, next.base), to });
    }
  }

  #noteLate(key: string, entry: Entry, order: Order, late: { sequence: number; connection: string }): void {
    const { sequence, connection } = late;
    const isElsewhere = connection !== entry.connection;
    const holes = entry.holes.flatMap((hole) => without(hole, sequence));
    const isDuplicate = sum(holes) === sum(entry.holes);
    entry.holes = holes;
    if (!isDuplicate) {
      entry.delivered += 1;
      entry.overtaken += isElsewhere ? 1 : 0;
      if (order === 'nothing' || (order === 'replicas' && isElsewhere)) return;
    }
    const fault = isDuplicate ? 'a duplicate' : 'out of order';
    this.violations.push(`${key}: message ${sequence} after ${entry.last}: ${fault}`);
  }
}

function newEntry(origin: Entry['origin'], run: number): Entry {
  return { origin, run, connection: '', delivered: 0, last: 0, overtaken: 0, skips: [], holes: [] };
}

function without({ from, to }: Span, sequence: number): readonly Span[] {
  if (sequence < from || sequence > to) return [{ from, to }];
  const parts = [
    { from, to: sequence - 1 },
    { from: sequence + 1, to },
  ];
  return parts.filter((part) => part.from <= part.to);
}

function sum(spans: readonly Span[]): number {
  return spans.reduce((all, { from, to }) => all + to - from + 1, 0);
}
