import { TestScheduler } from 'rxjs/testing';
import { describe, expect, expectTypeOf, it } from 'vitest';

import type { Communicator } from '../../lib/index.js';
import { VirtualNetwork } from '../../lib/testing/index.js';

describe('a communicator in virtual time', () => {
  it('is one for code that takes the Communicator of Node, and has no server to attach to', () => {
    const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
    scheduler.run(() => {
      const hub = new VirtualNetwork(scheduler).communicator('hub');
      expectTypeOf(hub).toExtend<Communicator>();
      expect(() => hub.attach()).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }) as Error);
    });
  });
});
