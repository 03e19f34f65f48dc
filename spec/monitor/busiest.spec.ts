import { describe, expect, it } from 'vitest';

import { EndpointState } from '../../lib/index.js';
import { Busiest } from '../../lib/monitor/busiest.js';
import { connectionStats, endpointStats, snapshot } from './samples.js';

const bytes = (sum: number) => ({ messages: 1, bytes: sum });
const received = (name: string, sum: number) => endpointStats(name, { received: bytes(sum) });
const namesOf = (stats: ReturnType<Busiest['of']>) => stats.endpoints.map(({ name }) => name);

describe('Busiest', () => {
  it('leaves a snapshot as it is up to its limit', () => {
    const stats = snapshot(received('a', 1), received('b', 2));
    expect(new Busiest(2).of(stats)).toBe(stats);
  });

  it('keeps the busiest since the last snapshot, not since the start', () => {
    const busiest = new Busiest(2);
    const before = snapshot(received('a', 1_000), received('b', 500), received('c', 10));
    expect(namesOf(busiest.of(before))).toEqual(['a', 'b']);
    const after = snapshot(received('a', 1_000), received('b', 501), received('c', 20));
    expect(namesOf(busiest.of(after))).toEqual(['c', 'b']);
  });

  it('counts what was sent, received and is queued', () => {
    const [sent, queued] = [endpointStats('s', { sent: bytes(2) }), endpointStats('q', { queued: bytes(3) })];
    expect(namesOf(new Busiest(2).of(snapshot(received('r', 1), sent, queued)))).toEqual(['q', 's']);
  });

  it('takes of equals those that are ready', () => {
    const gone = endpointStats('gone', { state: EndpointState.DISCONNECTED });
    expect(namesOf(new Busiest(1).of(snapshot(gone, endpointStats('here'))))).toEqual(['here']);
  });

  it('keeps the connections of those that it keeps, then strangers, and no more than its limit', () => {
    const whole = snapshot(received('a', 1), received('b', 2), received('c', 3));
    const connections = [connectionStats(), connectionStats(), ...whole.connections];
    const namesKept = (limit: number) =>
      new Busiest(limit).of({ ...whole, connections }).connections.map(({ endpointName }) => endpointName);
    expect(namesKept(2)).toEqual(['b', 'c']);
    expect(namesKept(4)).toEqual(['a', 'b', 'c', undefined]);
  });
});
