import { describe, expect, it } from 'vitest';

import { EventLog } from '../../lib/monitor/event-log.js';
import { event } from './samples.js';

function logOf(limit: number, count: number): EventLog {
  const log = new EventLog(limit);
  for (let number = 0; number < count; number += 1) log.add(event(number));
  return log;
}

describe('EventLog', () => {
  it('numbers its events from 0', () => {
    expect(logOf(3, 0)).toMatchObject({ end: 0 });
    expect(logOf(3, 5)).toMatchObject({ end: 5 });
  });

  it.each([
    [0, [2, 3, 4], 2],
    [1, [2, 3, 4], 1],
    [2, [2, 3, 4], 0],
    [4, [4], 0],
    [5, [], 0],
  ])('of 5 events, of which it keeps 3, gives from %d on %j, and %d missed', (start, kept, missedEvents) => {
    expect(logOf(3, 5).since(start)).toEqual({ events: kept.map(event), missedEvents });
  });

  it('hands out what later events do not change', () => {
    const log = logOf(3, 3);
    const { events } = log.since(0);
    log.add(event(3));
    expect(events).toEqual([0, 1, 2].map(event));
  });

  it('keeps nothing with a limit of 0, and still counts', () => {
    expect(logOf(0, 2).since(0)).toEqual({ events: [], missedEvents: 2 });
  });
});
