import { describe, expect, it } from 'vitest';

import {
  advanceCluster,
  type ClusterPicture,
} from '../../docs/examples/angular-dashboard/src/app/cluster-picture.js';
import type { ClusterStats } from '../../lib/cluster/index.js';
import { clusterStats } from '../monitor/samples.js';

/** The sample after so many more messages over each hop. */
function later(more: number, fields: Partial<ClusterStats> = {}): ClusterStats {
  const { replicas, ...rest } = clusterStats(fields);
  const grown = replicas.map((replica) => ({
    ...replica,
    sentTo: replica.sentTo.map((hop) => ({
      ...hop,
      messages: hop.messages + more,
      bytes: hop.bytes + more * 100,
    })),
  }));
  return { ...rest, replicas: grown };
}

/** The picture after one report a second. */
function after(...reports: readonly (ClusterStats | undefined)[]): ClusterPicture | undefined {
  return reports.reduce<ClusterPicture | undefined>(
    (before, stats, second) => advanceCluster(before, stats, second * 1_000),
    undefined,
  );
}

const ratesOf = (picture: ClusterPicture | undefined) =>
  picture?.hops.map(({ from, to, rate }) => [from, to, rate.messages, rate.bytes]);

describe('the picture of a cluster', () => {
  it('has no rates at first, and then those of its hops, and their sums at each replica', () => {
    expect(ratesOf(after(later(0)))).toEqual([
      ['hub-a', 'hub-b', 0, 0],
      ['hub-b', 'hub-c', 0, 0],
    ]);
    const picture = after(later(0), later(10), later(40));
    expect(ratesOf(picture)).toEqual([
      ['hub-a', 'hub-b', 20, 2_000],
      ['hub-b', 'hub-c', 20, 2_000],
    ]);
    const flow = { rate: { messages: 20, bytes: 2_000 }, inAll: { messages: 52, bytes: 7_400 } };
    const none = { rate: { messages: 0, bytes: 0 }, inAll: { messages: 0, bytes: 0 } };
    expect(picture?.replicas).toEqual([
      { id: 'hub-a', isHere: true, isClosing: false, endpoints: 40, received: none, sent: flow },
      { id: 'hub-b', isHere: false, isClosing: false, endpoints: 41, received: flow, sent: flow },
      { id: 'hub-c', isHere: false, isClosing: true, endpoints: 2, received: flow, sent: none },
    ]);
  });

  it('looks 10 seconds back, and forgets what was before', () => {
    const reports = Array.from({ length: 30 }, (_, second) => later(second < 15 ? second * 100 : 1_400));
    const picture = after(...reports);
    expect(picture?.past).toHaveLength(10);
    expect(ratesOf(picture)).toEqual([
      ['hub-a', 'hub-b', 0, 0],
      ['hub-b', 'hub-c', 0, 0],
    ]);
  });

  it('has no rate of a replica that was not known before, and none below 0', () => {
    const [first, second, third] = later(0).replicas;
    const alone = later(0, { replicas: [first, third].filter((each) => each !== undefined) });
    expect(ratesOf(after(alone, later(5)))).toEqual([
      ['hub-a', 'hub-b', 5, 500],
      ['hub-b', 'hub-c', 0, 0],
    ]);
    expect(second?.sentTo).toHaveLength(1);
    expect(ratesOf(after(later(50), later(0)))).toEqual([
      ['hub-a', 'hub-b', 0, 0],
      ['hub-b', 'hub-c', 0, 0],
    ]);
  });

  it('begins anew at another replica, and ends where there is no cluster', () => {
    expect(ratesOf(after(later(0), later(50, { replica: 'hub-b' })))).toEqual([
      ['hub-a', 'hub-b', 0, 0],
      ['hub-b', 'hub-c', 0, 0],
    ]);
    expect(after(later(0), undefined)).toBeUndefined();
  });
});
