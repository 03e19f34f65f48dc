import { lastValueFrom, map, toArray } from 'rxjs';
import { expect, vi } from 'vitest';

import type { Outcome } from '../../lib/cellnet/index.js';
import { type FobsValue, Tuple } from '../../lib/fobs/index.js';
import { pattern, sha256 } from '../support/pattern.js';
import { type CellCase, type CellNet, shown } from './cell-net.js';

/** Something that cells do, a column of the table. */
export interface CellRow {
  readonly column: string;
  readonly title: string;
  /** What this combination cannot do of it, with the reason. */
  readonly lacks?: (facts: CellCase) => string | undefined;
  readonly expectIt: (net: CellNet) => Promise<void>;
}

const MIB = 1024 ** 2;
const VALUE = { list: [1, Tuple.from([2, 'three'])], text: 'ü', big: 2n ** 60n, none: null };

const byTarget = ({ target, reply, error }: Outcome): [string, FobsValue] => [
  target,
  error === undefined ? reply.payload : error.returnCode,
];

const hasSmallFrames = ({ version, scheme }: CellCase): boolean => version >= '2.6' && scheme === 'http';

/** Messages alone. */
export const CELL_ROWS: readonly CellRow[] = [
  {
    column: 'requests',
    title: 'ask each other',
    lacks: (facts) =>
      hasSmallFrames(facts) ? 'its WebSocket clients take no frame of 4 MiB or more' : undefined,
    async expectIt(net) {
      const fqcn = net.own.fqcn;
      const large = pattern(hasSmallFrames(net.case) ? 4 * MIB - 4_096 : 8_000_000);
      expect(await net.asked('py', 'task', 'echo', VALUE)).toEqual(VALUE);
      expect(await net.asked('py', 'task', 'echo')).toBeUndefined();
      expect(shown(await net.asked('py', 'task', 'echo', large))).toBe(sha256(large));
      const headers = { headers: { mine: 'x' } };
      expect(await net.asked('py', 'task', 'headers', undefined, headers)).toMatchObject({
        mine: 'x',
        cn__origin: fqcn,
        cn__destination: 'py',
      });
      for (const payload of [VALUE, pattern(1_000), null]) {
        expect(await net.tells('py', { how: 'request', topic: 'echo', targets: [fqcn], payload })).toEqual({
          [fqcn]: ['ok', null, payload],
        });
      }
      const asked = await net.tells('py', {
        how: 'request',
        topic: 'large',
        targets: [fqcn],
        payload: large.length,
      });
      expect(shown(asked[fqcn]?.[2])).toBe(sha256(large));
    },
  },
  {
    column: 'fire',
    title: 'send each other what has no reply, alone and in bulk',
    async expectIt(net) {
      const targets = [net.own.fqcn];
      for (const channel of ['task', 'app'] as const) {
        net.own.fire('py', channel, 'note', { fired: channel });
        await net.tells('py', { how: 'fire', channel, topic: 'note', targets, payload: channel });
      }
      await net.tells('py', { how: 'queue', topic: 'note', targets });
      await vi.waitUntil(() => net.notes.length === 5, 20_000);
      expect(new Set(net.notes)).toEqual(
        new Set(['task', 'app', { number: 0 }, { number: 1 }, { number: 2 }]),
      );
      const noted = () => net.asked('py', 'task', 'noted') as Promise<FobsValue[]>;
      await vi.waitUntil(async () => (await noted()).length === 2, 10_000);
      expect(new Set(await noted())).toEqual(new Set([{ fired: 'task' }, { fired: 'app' }]));
    },
  },
  {
    column: 'broadcast',
    title: 'ask several at once, of which one is gone',
    async expectIt(net) {
      const { own, other, case: facts } = net;
      const outcomes$ = own.broadcast(['py', other, 'gone', 'no name!'], 'task', 'echo', 'hi');
      expect(Object.fromEntries(await lastValueFrom(outcomes$.pipe(map(byTarget), toArray())))).toEqual({
        py: 'hi',
        [other]: 'hi',
        gone: facts.server === 'Python' ? 'comm_error' : 'target_unreachable',
        'no name!': 'invalid_target',
      });
      const targets = [own.fqcn, other, 'gone'];
      expect(await net.tells('py', { how: 'broadcast', topic: 'echo', targets, payload: 'x' })).toEqual({
        [own.fqcn]: ['ok', null, 'x'],
        [other]: ['ok', null, 'x'],
        gone: ['comm_error', 'cannot forward', null],
      });
    },
  },
  {
    column: 'no handler',
    title: 'say where nobody handles',
    async expectIt(net) {
      const { fqcn } = net.own;
      expect(await net.asked('py', 'task', 'nobody handles')).toBe('process_exception');
      expect(await net.tells('py', { how: 'request', topic: 'nobody handles', targets: [fqcn] })).toEqual({
        [fqcn]: ['process_exception', 'no callback', null],
      });
    },
  },
  {
    column: 'exceptions',
    title: 'tell a failure by its return code, and nothing of its text',
    async expectIt(net) {
      const targets = [net.own.fqcn];
      for (const [topic, returnCode] of [
        ['fail', 'process_exception'],
        ['bad session', 'invalid_session'],
      ] as const) {
        expect(await net.asked('py', 'task', topic)).toBe(returnCode);
        expect(await net.tells('py', { how: 'request', topic, targets })).toEqual({
          [net.own.fqcn]: [returnCode, null, null],
        });
      }
    },
  },
  {
    column: 'timeouts',
    title: 'give up in time, and drop what comes later',
    async expectIt(net) {
      const { fqcn } = net.own;
      expect(await net.asked('py', 'task', 'silent', undefined, { timeoutMs: 200 })).toBe('timeout');
      const silent = { how: 'request', topic: 'silent', targets: [fqcn], timeout: 0.2 } as const;
      expect((await net.tells('py', silent))[fqcn]?.[0]).toBe('timeout');
      const { lateReplies } = net.own.stats;
      expect(await net.asked('py', 'task', 'late', undefined, { timeoutMs: 50 })).toBe('timeout');
      await vi.waitUntil(() => net.own.stats.lateReplies === lateReplies + 1, 10_000);
    },
  },
  {
    column: 'site to site',
    title: 'reach a site through the server',
    async expectIt(net) {
      // From our site to one in Python, and back; or between two of Python.
      const ours = net.case.server === 'Python' ? net.own.fqcn : net.other;
      const ask = (topic: string, payload: FobsValue, channel: 'task' | 'app') =>
        net.case.server === 'Python'
          ? net.asked('py', channel, topic, payload)
          : net
              .tells('py2', { how: 'request', channel, topic, targets: ['py'], payload })
              .then((told) => told.py?.[2]);
      expect(await ask('headers', null, 'task')).toMatchObject({
        cn__origin: ours,
        cn__from: 'server',
        cn__route: expect.stringMatching(`'${ours}'.*'server'.*'py'`) as unknown,
      });
      expect(shown(await ask('large', 3 * MIB, 'app'))).toBe(sha256(pattern(3 * MIB)));
      const large = { how: 'request', topic: 'large', targets: [ours], payload: 3 * MIB } as const;
      expect(shown((await net.tells('py', large))[ours]?.[2])).toBe(sha256(pattern(3 * MIB)));
      expect(shown((await net.tells('py', { ...large, channel: 'app' }))[ours]?.[2])).toBe(
        sha256(pattern(3 * MIB)),
      );
    },
  },
  {
    column: 'relay',
    title: 'reach a cell of Python below a relay in TypeScript',
    async expectIt(net) {
      const { own, other } = net;
      const asked = await net.tells('py', { how: 'request', topic: 'headers', targets: ['relay.py'] });
      expect(asked['relay.py']?.[2]).toMatchObject({
        cn__from: 'relay',
        cn__route: expect.stringMatching("'py'.*'server'.*'relay'.*'relay.py'") as unknown,
      });
      const targets = [own.fqcn, other, 'py', 'gone'];
      expect(
        await net.tells('relay.py', { how: 'broadcast', topic: 'echo', targets, payload: VALUE }),
      ).toEqual({
        [own.fqcn]: ['ok', null, VALUE],
        [other]: ['ok', null, VALUE],
        py: ['ok', null, VALUE],
        gone: ['comm_error', 'cannot forward', null],
      });
      const large = { how: 'request', channel: 'app', topic: 'large', payload: 5 * MIB } as const;
      for (const [from, to] of [
        [other, 'relay.py'],
        ['relay.py', other],
      ] as const) {
        const told = await net.tells(from, { ...large, targets: [to] });
        expect(shown(told[to]?.[2])).toBe(sha256(pattern(5 * MIB)));
      }
    },
  },
];
