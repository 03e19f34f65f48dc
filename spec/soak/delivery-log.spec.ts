import { describe, expect, it } from 'vitest';

import { DeliveryLog } from './delivery-log.js';
import { APP, stampedMessage, stampOf } from './messages.js';

/** Messages as `[connection, sequence, base]`. */
function logOf(...messages: readonly LoggedMessage[]): DeliveryLog {
  return fill(new DeliveryLog(), messages);
}

type LoggedMessage = readonly [connection: string, sequence: number, base: number];

function fill(log: DeliveryLog, messages: readonly LoggedMessage[]): DeliveryLog {
  for (const [connection, sequence, base] of messages)
    log.note({ run: 1, sequence, base }, { from: 'site-1', app: APP, connection });
  return log;
}

describe('a delivery log', () => {
  it('counts what comes in order', () => {
    const log = logOf(['A', 1, 1], ['A', 2, 1], ['B', 3, 3]);
    expect(log.violations).toEqual([]);
    const counts = { delivered: 3, last: 3, overtaken: 0, skips: [], holes: [] };
    expect(log.received).toEqual([{ from: 'site-1', run: 1, app: APP, ...counts }]);
  });

  it('lets a connection take with it what was accepted for it', () => {
    const log = logOf(['A', 1, 1], ['A', 2, 1], ['B', 9, 9]);
    expect(log.violations).toEqual([]);
    expect(log.received).toMatchObject([{ delivered: 3, last: 9, skips: [] }]);
  });

  it('finds messages that are missing within a connection', () => {
    expect(logOf(['A', 1, 1], ['A', 4, 1]).violations).toEqual([
      'site-1 run 1 app 10: 2 to 3 are missing within A',
    ]);
  });

  it('notes where a connection does not begin with its first message', () => {
    expect(logOf(['A', 3, 1]).received).toMatchObject([{ skips: [{ from: 1, to: 2 }] }]);
    expect(logOf(['A', 1, 1], ['B', 9, 6]).received).toMatchObject([{ skips: [{ from: 6, to: 8 }] }]);
  });

  it('tells a duplicate from a message out of order', () => {
    expect(logOf(['A', 1, 1], ['A', 1, 1]).violations).toEqual([
      'site-1 run 1 app 10: message 1 after 1: a duplicate',
    ]);
    expect(logOf(['A', 1, 1], ['B', 4, 4], ['B', 2, 4]).violations).toEqual([
      'site-1 run 1 app 10: message 2 after 4: out of order',
    ]);
    const late: LoggedMessage[] = [
      ['B', 3, 3],
      ['B', 2, 1],
      ['B', 2, 1],
    ];
    expect(logOf(['A', 1, 1], ...late).violations).toEqual([
      'site-1 run 1 app 10: message 2 after 3: out of order',
      'site-1 run 1 app 10: message 2 after 3: a duplicate',
    ]);
  });

  it('knows what may be where messages come over replicas, and where nothing has an order', () => {
    const overReplicas = (...messages: readonly LoggedMessage[]) =>
      fill(new DeliveryLog({ [APP]: 'replicas' }), messages);
    const gap = overReplicas(['A', 1, 1], ['A', 4, 1]);
    expect([gap.violations, gap.received]).toMatchObject([[], [{ holes: [{ from: 2, to: 3 }], skips: [] }]]);
    // Passed on by two replicas.
    const moved = overReplicas(['A', 1, 1], ['B', 4, 4], ['A', 2, 1]);
    expect([moved.violations, moved.received]).toMatchObject([
      [],
      [{ delivered: 3, overtaken: 1, holes: [{ from: 3, to: 3 }] }],
    ]);
    expect(overReplicas(['A', 1, 1], ['A', 4, 1], ['A', 2, 1]).violations).toHaveLength(1);
    // What waited at the replica that an endpoint has left goes first.
    expect(overReplicas(['A', 1, 1], ['B', 4, 4], ['B', 2, 1]).violations).toHaveLength(1);
    expect(overReplicas(['A', 1, 1], ['B', 4, 4], ['A', 2, 1], ['A', 2, 1]).violations).toHaveLength(1);
    const threads = new DeliveryLog({ [APP]: 'nothing' });
    expect(
      fill(threads, [
        ['A', 3, 1],
        ['A', 1, 1],
        ['A', 2, 1],
      ]).violations,
    ).toEqual([]);
    expect(fill(threads, [['A', 2, 1]]).violations).toHaveLength(1);
  });

  it('keeps the runs of a sender apart, and its applications', () => {
    const log = logOf(['A', 1, 1]);
    log.note({ run: 2, sequence: 1, base: 1 }, { from: 'site-1', app: APP, connection: 'B' });
    log.note({ run: 2, sequence: 1, base: 1 }, { from: 'site-1', app: 11, connection: 'B' });
    expect(log.violations).toEqual([]);
    expect(log.received).toMatchObject([
      { run: 1, app: APP },
      { run: 2, app: APP },
      { run: 2, app: 11 },
    ]);
  });
});

describe('a stamped message', () => {
  it('says what it is, and shows any other byte', () => {
    const stamp = { run: 2, sequence: 300, base: 7 };
    const message = stampedMessage(stamp, 1000);
    expect(stampOf(message)).toEqual(stamp);
    expect(stampOf(stampedMessage(stamp, 0))).toEqual(stamp);
    message.payload?.fill(0, 500, 501);
    expect(() => stampOf(message)).toThrow(/not those sent/);
  });
});
