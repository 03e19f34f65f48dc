import { expect, it, vi } from 'vitest';

import type { RemoteChange } from '../../lib/cluster-contract.js';
import { RemoteChanges } from '../../lib/cluster/remote-changes.js';

it('of a name that we let go of, and that its taker freed in the same turn, is told that it is gone', () => {
  const told: RemoteChange[] = [];
  const of = vi.fn();
  const changes = new RemoteChanges({
    self: 'a',
    localName: 'server',
    names: { get: () => undefined, of, others: of },
    members: { isAlive: () => true, isClosing: () => false },
    links: { find: () => undefined },
    tell: (some) => told.push(...some),
  });
  changes.note('site', 'a');
  changes.note('site', 'b');
  changes.note('site', 'c');
  changes.show();
  expect(told).toEqual([{ name: 'site', replica: 'b' }]);
});
