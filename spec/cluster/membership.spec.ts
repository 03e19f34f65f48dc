import { describe, expect, it } from 'vitest';

import { type Beat, encodeBeat } from '../../lib/cluster/beat.js';
import { Membership, type MembershipChange } from '../../lib/cluster/membership.js';
import { CommErrorCode } from '../../lib/comm-error.js';
import { encodeMap } from '../../lib/wire/map-codec.js';

const common = { localName: 'server', replicaTimeoutMs: 1_000 };
const misfit = { ...common, replicaTimeoutMs: 2_000 };
const badConfig = expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error;

function membership() {
  const changes: string[] = [];
  const clock = { now: 0 };
  const members = new Membership({
    self: 'm',
    common,
    now: () => clock.now,
    hops: { summary: [], take: () => undefined },
    publish: () => undefined,
  });
  members.changes$.subscribe(({ type, replica }: MembershipChange) => changes.push(`${replica} ${type}`));
  const hear = (replica: string, beat: Partial<Beat> = {}): void =>
    members.takeBeat(
      encodeBeat({ replica, isJoining: false, isLeaving: false, common, sentTo: [], ...beat }),
    );
  return { members, changes, clock, hear };
}

describe('a replica that other ones differ from', () => {
  it('is refused by one that has joined, and by a smaller one that joins too', () => {
    const { members, hear } = membership();
    hear('b', { isJoining: true });
    hear('z', { isJoining: true, common: misfit });
    expect(() => members.requireFit()).not.toThrow();
    hear('c', { isJoining: true, common: misfit });
    expect(() => members.requireFit()).toThrow(badConfig);
    hear('a');
    expect(() => members.requireFit()).not.toThrow();
    hear('a', { isLeaving: true });
    expect(() => members.requireFit()).toThrow(badConfig);
    hear('c', { isLeaving: true });
    expect(() => members.requireFit()).not.toThrow();
    hear('z', { common: misfit });
    expect(() => members.requireFit()).toThrow(/replica z has replicaTimeoutMs 2000, and this one 1000/);
  });

  it('tells of each once, gives it no messages, and forgets it when it is gone', () => {
    const { members, changes, clock, hear } = membership();
    hear('a');
    hear('z', { common: { ...common, localName: 'other' } });
    hear('z', { common: { ...common, localName: 'other' } });
    expect(members.open).toEqual(['a']);
    expect(changes).toEqual(['a joined', 'z joined', 'z differs']);
    for (; clock.now < 1_500; clock.now += 250) {
      hear('a');
      members.sweep();
    }
    expect(changes.slice(3)).toEqual(['z gone']);
    expect(() => members.requireFit()).not.toThrow();
  });

  it('tells of it again once it has joined itself: while it joins, nobody hears', () => {
    const { members, changes, hear } = membership();
    hear('a');
    hear('z', { isJoining: true, common: misfit });
    hear('y', { isJoining: true, common: misfit });
    hear('y', { isLeaving: true });
    const before = changes.length;
    members.join();
    expect(changes.slice(before)).toEqual(['z differs']);
  });

  it('takes one of an earlier version, which does not say, for one that fits', () => {
    const { members } = membership();
    members.takeBeat(encodeMap({ replica: 'old', isLeaving: false }).slice());
    expect(members.open).toEqual(['old']);
    expect(() => members.requireFit()).not.toThrow();
  });
});

it('all were heard once each that may live has given a beat', () => {
  const { members, hear } = membership();
  expect(members.hasHeardAll).toBe(true);
  members.noteTrace('a');
  members.seen('b', true);
  hear('b');
  expect(members.hasHeardAll).toBe(false);
  hear('a');
  expect(members.hasHeardAll).toBe(true);
});
