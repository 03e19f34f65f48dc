import { byStateAndName, type Row } from './picture';

/** What the table can be sorted by. */
export const ORDERS = ['state', 'name', 'received', 'sent', 'waiting', 'lost'] as const;

/** One of {@link ORDERS}. */
export type Order = (typeof ORDERS)[number];

/** The rows in an order: figures begin with the highest, texts with A, states with READY; reversed, the other way. */
export function inOrder(rows: readonly Row[], order: Order, isReversed: boolean): readonly Row[] {
  const compare = COMPARE[order];
  const factor = isReversed ? -1 : 1;
  return [...rows].sort((a, b) => factor * compare(a, b) || byName(a, b));
}

const COMPARE: Readonly<Record<Order, (a: Row, b: Row) => number>> = {
  state: byStateAndName,
  name: byName,
  received: (a, b) => b.received.bytes - a.received.bytes,
  sent: (a, b) => b.sent.bytes - a.sent.bytes,
  waiting: (a, b) => b.queued.messages - a.queued.messages,
  lost: (a, b) => b.lost.messages - a.lost.messages,
};

function byName(a: Row, b: Row): number {
  return a.name.localeCompare(b.name, 'en', { numeric: true });
}
