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
  it('is refused where none that has joined fits it, and where most that join differ', () => {
    const { members, hear } = membership();
    hear('z', { isJoining: true, common: misfit });
    expect(() => members.requireFit()).not.toThrow();
    hear('c', { isJoining: true, common: misfit });
    expect(() => members.requireFit()).toThrow(badConfig);
    hear('b', { isJoining: true });
    expect(() => members.requireFit()).not.toThrow();
    hear('b', { isLeaving: true });
    hear('a');
    expect(() => members.requireFit()).not.toThrow();
    hear('a', { isLeaving: true });
    hear('c', { isLeaving: true });
    expect(() => members.requireFit()).not.toThrow();
    hear('z', { common: misfit });
    expect(() => members.requireFit()).toThrow(/replica z has replicaTimeoutMs 2000, and this one 1000/);
    hear('b');
    expect(() => members.requireFit()).not.toThrow();
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

  it('is no reason to take others for gone that speak less often, since their time is longer', () => {
    const { members, changes, clock, hear } = membership();
    hear('z', { common: misfit });
    for (; clock.now <= 1_750; clock.now += 250) members.sweep();
    expect(() => members.requireFit()).toThrow(badConfig);
    expect(members.mayLive('z')).toBe(true);
    for (; clock.now <= 2_250; clock.now += 250) members.sweep();
    expect(changes).toEqual(['z joined', 'z differs', 'z gone']);
    expect(members.mayLive('z')).toBe(false);
  });

  it('has no longer time before it has joined: who is refused may end without a word', () => {
    const { members, changes, clock, hear } = membership();
    hear('z', { isJoining: true, common: misfit });
    for (; clock.now <= 1_250; clock.now += 250) members.sweep();
    expect(changes).toEqual(['z joined', 'z differs', 'z gone']);
  });

  it('takes one of an earlier version, which does not say, for one that fits', () => {
    const { members } = membership();
    members.takeBeat(encodeMap({ replica: 'old', isLeaving: false }).slice());
    expect(members.open).toEqual(['old']);
    expect(() => members.requireFit()).not.toThrow();
  });
});

/** Lets time pass, in which our own beats come back, and those of others. */
function pass(
  { members, clock, hear }: ReturnType<typeof membership>,
  ms: number,
  ...heard: readonly string[]
): void {
  for (const end = clock.now + ms; clock.now < end;) {
    clock.now += 250;
    members.sweep();
    for (const replica of heard) hear(replica);
  }
}

describe('what a silent replica has', () => {
  it('is free once it counts as gone', () => {
    const stage = membership();
    pass(stage, 1_000, 'm', 'a');
    expect(stage.members.mayLive('a')).toBe(true);
    pass(stage, 1_500, 'm');
    expect(stage.changes).toEqual(['a joined', 'a gone']);
    expect(stage.members.mayLive('a')).toBe(false);
    pass(stage, 1_000, 'm');
    expect(stage.members.abandoned).toEqual(['a']);
  });

  it('is free to nobody where NATS is as silent, nor right behind that', () => {
    const stage = membership();
    pass(stage, 1_000, 'm', 'a');
    pass(stage, 5_000);
    expect(stage.changes).toEqual(['a joined', 'a gone']);
    expect(stage.members.mayLive('a')).toBe(true);
    expect(stage.members.abandoned).toEqual([]);
    pass(stage, 750, 'm');
    expect(stage.members.mayLive('a')).toBe(true);
    pass(stage, 750, 'm');
    expect(stage.members.mayLive('a')).toBe(false);
    expect(stage.members.abandoned).toEqual(['a']);
  });

  it('stays free where NATS is silent after it was gone, or we are frozen', () => {
    const stage = membership();
    pass(stage, 1_000, 'm', 'a', 'b');
    pass(stage, 1_500, 'm', 'b');
    expect(stage.members.mayLive('a')).toBe(false);
    for (let times = 0; times < 3; times += 1) {
      pass(stage, 1_000);
      expect(stage.members.mayLive('a')).toBe(false);
      expect(stage.members.mayLive('b')).toBe(true);
      pass(stage, 250, 'm');
      expect(stage.members.mayLive('a')).toBe(false);
      expect(stage.members.mayLive('b')).toBe(true);
    }
    pass(stage, 1_500, 'm');
    expect(stage.members.mayLive('b')).toBe(false);
  });

  it('is free at once where it has left, also to one that came while it did', () => {
    const stage = membership();
    pass(stage, 500, 'm');
    stage.members.noteTrace('a');
    expect(stage.members.mayLive('a')).toBe(true);
    stage.hear('a', { isLeaving: true });
    expect(stage.members.mayLive('a')).toBe(false);
    expect(stage.members.hasHeardAll).toBe(true);
  });

  it('is free after a whole time where it was never heard: its entries may be of one that has not spoken yet', () => {
    const stage = membership();
    stage.members.noteTrace('a');
    expect(stage.members.alive).toEqual([]);
    pass(stage, 750, 'm');
    expect(stage.members.mayLive('a')).toBe(true);
    pass(stage, 500, 'm');
    expect(stage.members.mayLive('a')).toBe(false);
    expect(stage.changes).toEqual([]);
  });

  it('is free as before on a connection that gives our beats back to nobody', () => {
    const stage = membership();
    pass(stage, 1_000, 'a');
    pass(stage, 1_500);
    expect(stage.members.mayLive('a')).toBe(false);
  });
});

it('a replica takes messages from when it has joined on, and cleans up after others from then on', () => {
  const { members, clock, hear } = membership();
  hear('gone');
  hear('gone', { isLeaving: true });
  hear('a', { isJoining: true });
  expect(members.open).toEqual([]);
  clock.now = 250;
  expect(members.abandoned).toEqual(['gone']);
  hear('a');
  expect(members.open).toEqual(['a']);
  expect(members.abandoned).toEqual([]);
  hear('b', { isJoining: true });
  hear('b', { isLeaving: true });
  // Nothing is kept of one that leaves before it has joined: nobody is left out any more.
  expect(members.open).toBe(members.alive);
});

it('is deaf where its own beats come back no more', () => {
  const { members, clock, hear } = membership();
  clock.now = 5_000;
  expect(members.isDeaf).toBe(false);
  hear('m');
  clock.now = 5_500;
  expect(members.isDeaf).toBe(false);
  clock.now = 5_501;
  expect(members.isDeaf).toBe(true);
  hear('m');
  expect(members.isDeaf).toBe(false);
});

it('all were heard once each that may live has given a beat', () => {
  const { members, hear } = membership();
  expect(members.hasHeardAll).toBe(true);
  members.noteTrace('a');
  members.seen('b');
  hear('b');
  expect(members.hasHeardAll).toBe(false);
  hear('a');
  expect(members.hasHeardAll).toBe(true);
});
