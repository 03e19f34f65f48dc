import type { ReplicaView } from '../messages.js';

/**
 * What of the cluster is not as it must be when nothing is wrong any more, in words: each site is at one replica, and all
 * say so.
 *
 * @param sites - those that must be there
 * @param others - those that may be there
 */
export function disagreements(
  views: readonly ReplicaView[],
  sites: readonly string[],
  others: readonly string[] = [],
): readonly string[] {
  const ids = views.map(({ id }) => id);
  const label = (id: string): string => `replica ${ids.indexOf(id) + 1}`;
  const homes = sites.map((site) => {
    const at = views.filter(({ ready }) => ready[site] === null).map(({ id }) => id);
    return { site, at };
  });
  return [
    ...views.flatMap(({ id, isConnected, replicas }) => [
      ...(isConnected ? [] : [`${label(id)} is away from NATS`]),
      ...ids
        .filter((other) => other !== id && !replicas.includes(other))
        .map((other) => `${label(id)} does not see ${label(other)}`),
      ...replicas
        .filter((other) => !ids.includes(other))
        .map((other) => `${label(id)} sees ${other}, which is dead`),
    ]),
    ...homes.flatMap(({ site, at }) => {
      if (at.length === 0) return [`${site} is at no replica`];
      return at.length === 1 ? [] : [`${site} has live connections at ${at.map(label).join(' and ')}`];
    }),
    ...views.flatMap(({ id, ready }) => [
      ...homes
        .filter(
          ({ site, at: [home = id, second] }) => second === undefined && home !== id && ready[site] !== home,
        )
        .map(({ site, at: [home = ''] }) => {
          const seen = ready[site];
          const where = typeof seen === 'string' ? (ids.includes(seen) ? label(seen) : seen) : 'nowhere';
          return `${label(id)} sees ${site} at ${where}, which is at ${label(home)}`;
        }),
      ...Object.keys(ready)
        .filter((name) => !sites.includes(name) && !others.includes(name))
        .map((name) => `${label(id)} sees ${name}, which is gone`),
    ]),
  ];
}
