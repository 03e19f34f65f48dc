/** What IDs begin with that a replica gives out: its random part, since the name of its host is nobody's business. */
export function markOf(replica: string): string {
  return `${replica.slice(-8)}~`;
}

/** Whether it may be the ID of a replica: it is a token of subjects, and part of a key. */
export function isReplicaId(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9_-]{1,80}$/.test(value);
}
