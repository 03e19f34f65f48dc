import { describe, expect, it } from 'vitest';

import { KINDS, planRounds, type Round } from './rounds.js';

function rounds(count: number, seed = 1): readonly Round[] {
  const plan = planRounds({ seed, replicas: 3, sites: 4, replicaTimeoutMs: 1_000 });
  return Array.from({ length: count }, () => plan.next().value);
}

describe('the rounds of a soak', () => {
  it('are the same for the same seed, and others for another', () => {
    expect(rounds(20)).toEqual(rounds(20));
    expect(rounds(20)).not.toEqual(rounds(20, 2));
  });

  it('have each kind of fault before one comes again', () => {
    const types = rounds(KINDS.length)
      .flat()
      .map(({ type }) => type);
    expect(new Set(types.slice(0, KINDS.length))).toEqual(new Set(KINDS));
  });

  it('have two faults where these do not meet at one replica, and a rolling restart alone', () => {
    const double = rounds(200).filter(({ length }) => length > 1);
    expect(double.length).toBeGreaterThan(20);
    for (const [first, second] of double) {
      const at = [first, second].map((fault) => fault !== undefined && 'replica' in fault && fault.replica);
      if (typeof at[0] === 'number') expect(at[0]).not.toBe(at[1]);
      expect(first?.type).not.toBe(second?.type);
      expect([first?.type, second?.type]).not.toContain('rolling restart');
    }
  });
});
