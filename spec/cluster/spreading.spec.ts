import { expect, it } from 'vitest';

import type { Origin } from '../../lib/cluster-contract.js';
import { encodeSpread } from '../../lib/cluster/spread.js';
import { type ClusterOptions, resolveClusterOptions } from '../../lib/cluster/options.js';
import { Spreading } from '../../lib/cluster/spreading.js';
import { Endpoint } from '../../lib/index.js';
import type { ReceivedMessage } from '../../lib/received-message.js';

const ORIGIN: Origin = { written: () => undefined, lost: () => undefined, returned: () => undefined };

/** What arrives of replica `other`, and what the receivers here get, the first of which pauses its connection. */
function setUp() {
  const got: ReceivedMessage[] = [];
  const spreading = new Spreading({
    self: 'self',
    host: {
      localName: 'server',
      find: () => undefined,
      route: (received) => {
        if (got.push(received) === 1) received.connection.pause();
      },
    },
    rules: {},
    others: () => [],
    isConnected: () => true,
    sinkTo: () => {
      throw new Error('nothing is passed on');
    },
  });
  const arrive = (n: number): void => {
    const message = { endpoint: new Endpoint('site-1'), appId: 100, message: { headers: { n } } };
    spreading.arrive('other', encodeSpread(message), ORIGIN);
  };
  return { spreading, got, arrive, numbers: () => got.map(({ message }) => message.headers?.n) };
}

it('messages of a replica that was taken for gone wait behind those that came before', () => {
  const { spreading, got, arrive, numbers } = setUp();
  for (const n of [1, 2, 3]) arrive(n);
  spreading.gone('other');
  for (const n of [4, 5]) arrive(n);
  expect(numbers()).toEqual([1]);
  const [first, second] = [got[0]?.connection, () => got[1]?.connection];
  first?.resume();
  expect(numbers()).toEqual([1, 2, 3, 4, 5]);
  expect([first?.isOpen, second()]).toEqual([true, first]);
});

it('the connection of a replica that is gone ends behind what had come', () => {
  const { spreading, got, arrive, numbers } = setUp();
  for (const n of [1, 2]) arrive(n);
  spreading.gone('other');
  const first = got[0]?.connection;
  expect(first?.isOpen).toBe(true);
  first?.resume();
  expect([numbers(), first?.isOpen]).toEqual([[1, 2], false]);
  arrive(3);
  const next = got[2]?.connection;
  expect(next).not.toBe(first);
  // A receiver that kept the old one takes nothing from the new one.
  first?.resume();
  arrive(4);
  expect([got[3]?.connection, next?.isOpen]).toEqual([next, true]);
});

it.each([
  [{ deliver: { tasks: 'one' } }, 'option deliver: expected app IDs as keys, got "tasks"'],
  [{ deliver: { 100: 'all' } }, "option deliver: app ID 100: expected 'local', 'one', 'every' or a function"],
  [{ nats: 'nats://user:secret@host' }, 'option nats: expected { servers: … } or a connection, got a string'],
])('options that cannot be are refused by name: %o', (options, text) => {
  const all = { nats: {}, name: 'fl', ...options } as unknown as ClusterOptions;
  expect(() => resolveClusterOptions(all)).toThrow(`cluster: ${text}`);
});
