import { lastValueFrom, map, type Observable, toArray } from 'rxjs';
import { afterEach, describe, expect, inject, it, vi } from 'vitest';

import { Cell, CellError, type Outcome, ReturnCode } from '../../lib/cellnet/index.js';
import { Endpoint, Mode } from '../../lib/index.js';
import { type FobsValue, NdArray, Tuple } from '../../lib/fobs/index.js';
import { communicator, stopAll, untilState } from '../support/communicators.js';
import { freePort } from '../support/free-port.js';
import { startCellPeer } from './cell-peer.js';
import { NVFLARE_VERSIONS } from './set-up.js';

const CASES = NVFLARE_VERSIONS.flatMap((version) =>
  (['Python', 'TypeScript'] as const).map((server) => ({ version, server })),
);

afterEach(stopAll);

/** Our cell and two of Python, `py` and `py2`, one of the three being the server. */
async function setUp(version: string, server: 'Python' | 'TypeScript') {
  const url = `tcp://127.0.0.1:${await freePort()}`;
  const names = server === 'Python' ? { own: 'js', other: 'server' } : { own: 'server', other: 'py2' };
  const hub = communicator(new Endpoint(names.own, { fqcn: names.own }));
  hub.addConnector(url, server === 'Python' ? Mode.ACTIVE : Mode.PASSIVE);
  const cell = new Cell(hub, { dialect: version < '2.7' ? '2.4' : '2.7' });
  if (server === 'Python') await startCellPeer(version, 'server', url);
  await hub.start();
  await startCellPeer(version, 'py', url);
  if (server === 'TypeScript') await startCellPeer(version, 'py2', url);
  await untilState(hub, names.other);
  // Behind a Python server, `py` is seen when it answers.
  await vi.waitUntil(
    () =>
      lastValueFrom(cell.request('py', 'task', 'echo')).then(
        () => true,
        () => false,
      ),
    30_000,
  );
  return { cell, ...names };
}

const payload = (request: Observable<{ payload: FobsValue }>) =>
  lastValueFrom(request.pipe(map((reply) => reply.payload)));
const failure = (request: Observable<unknown>) =>
  lastValueFrom(request).then(
    () => 'a reply',
    (error: unknown) => (error instanceof CellError ? error.returnCode : error),
  );
const byTarget = ({ target, reply, error }: Outcome) => [target, error?.returnCode ?? reply?.payload];

describe.skipIf(inject('interopObstacle') !== '').each(CASES)(
  'cells of NVFlare $version, the server in $server',
  ({ version, server }) => {
    it('answer ours', async () => {
      const { cell, other } = await setUp(version, server);
      const ask = (topic: string, value?: FobsValue) => payload(cell.request('py', 'task', topic, value));
      const value = { list: [1, Tuple.from([2, 'three'])], text: 'ü', big: 2n ** 60n, none: null };
      expect(await ask('echo', value)).toEqual(value);
      const large = Buffer.alloc(8_000_000, 'rxflare');
      expect(large.equals((await ask('echo', large)) as Uint8Array)).toBe(true);
      expect(await ask('echo')).toBeUndefined();

      const headers = cell.request('py', 'task', 'headers', undefined, { headers: { mine: 'x' } });
      expect(await payload(headers)).toMatchObject({
        mine: 'x',
        cn__origin: cell.fqcn,
        cn__destination: 'py',
      });

      const fails = (topic: string, timeoutMs?: number) =>
        failure(cell.request('py', 'task', topic, undefined, timeoutMs === undefined ? {} : { timeoutMs }));
      expect(await fails('fail')).toBe(ReturnCode.PROCESS_EXCEPTION);
      expect(await fails('bad session')).toBe(ReturnCode.INVALID_SESSION);
      expect(await fails('nobody handles')).toBe(ReturnCode.PROCESS_EXCEPTION);
      expect(await fails('silent', 300)).toBe(ReturnCode.TIMEOUT);

      const outcomes$ = cell.broadcast(['py', other, 'gone', 'no name!'], 'task', 'echo', 'hi');
      const outcomes = await lastValueFrom(outcomes$.pipe(map(byTarget), toArray()));
      expect(Object.fromEntries(outcomes)).toEqual({
        py: 'hi',
        [other]: 'hi',
        gone: server === 'Python' ? ReturnCode.COMM_ERROR : ReturnCode.TARGET_UNREACHABLE,
        'no name!': ReturnCode.INVALID_TARGET,
      });

      cell.fire('py', 'task', 'note', { a: 1 });
      await vi.waitUntil(async () => ((await ask('noted')) as FobsValue[]).length > 0, 10_000);
      expect(await ask('noted')).toEqual([{ a: 1 }]);
    });

    it('are answered by ours', async () => {
      const { cell, own, other } = await setUp(version, server);
      const notes: FobsValue[] = [];
      cell.handle('task', 'echo', ({ payload }) => payload);
      cell.handle('task', 'fail', () => Promise.reject(new Error('a secret')));
      cell.handle('task', 'array', () => ({ w: NdArray.float32([1, 2, 3, 4], [2, 2]) }));
      cell.handle('task', 'note', ({ payload }) => void notes.push(payload));
      const ask = (how: string, topic: string, targets: string[], value: FobsValue = null, timeout = 5.5) =>
        payload(cell.request('py', 'admin', 'ask', { how, topic, targets, payload: value, timeout }));

      const bytes = new Uint8Array(1_000).fill(7);
      expect(await ask('request', 'echo', [own], bytes)).toEqual({ [own]: ['ok', null, bytes] });
      expect(await ask('request', 'echo', [own], { a: [1] })).toEqual({ [own]: ['ok', null, { a: [1] }] });
      expect(await ask('request', 'fail', [own])).toEqual({ [own]: ['process_exception', null, null] });
      expect(await ask('request', 'nobody handles', [own])).toEqual({
        [own]: ['process_exception', 'no callback', null],
      });
      expect(await ask('broadcast', 'echo', [own, other, 'gone'], 'x')).toEqual({
        [own]: ['ok', null, 'x'],
        [other]: ['ok', null, 'x'],
        gone: ['comm_error', 'cannot forward', null],
      });
      await ask('fire', 'note', [own], 'fired');
      await ask('queue', 'note', [own]);
      await vi.waitUntil(() => notes.length === 4, 20_000);
      expect(notes).toEqual(['fired', { number: 0 }, { number: 1 }, { number: 2 }]);
      expect(cell.stats).toMatchObject({ lateReplies: 0, malformed: 0 });
    });
  },
);
