import { createHash } from 'node:crypto';

import { firstValueFrom, lastValueFrom, map, toArray } from 'rxjs';
import { afterEach, describe, expect, inject, it, vi } from 'vitest';

import { Cell, type CellOptions, type RequestOptions } from '../../lib/cellnet/index.js';
import { type FobsValue, NdArray, RemoteItem, rowMajor } from '../../lib/fobs/index.js';
import { Endpoint, Mode } from '../../lib/index.js';
import { communicator, stopAll, untilState } from '../support/communicators.js';
import { freePort } from '../support/free-port.js';
import { pattern, sha256 } from '../support/pattern.js';
import { startCellPeer } from './cell-peer.js';
import { CELL_VERSIONS } from './set-up.js';

afterEach(stopAll);

/** Our cell as the server, and the Python cell `py`. */
async function setUp(version: string, options: CellOptions = {}) {
  const url = `tcp://127.0.0.1:${await freePort()}`;
  const hub = communicator(new Endpoint('server', { fqcn: 'server' }));
  hub.addConnector(url, Mode.PASSIVE);
  const dialect = version < '2.7' ? '2.4' : '2.7';
  const cell = new Cell(hub, { dialect, requestTimeoutMs: 60_000, ...options });
  await hub.start();
  await startCellPeer(version, 'py', url, 'array_peer.py');
  await untilState(hub, 'py');
  const ask = (channel: string, topic: string, value: FobsValue, how?: RequestOptions) =>
    firstValueFrom(cell.request('py', channel, topic, value, how).pipe(map(({ payload }) => payload)));
  return { cell, ask };
}

/** As `described` of the peer. */
function described(value: FobsValue): FobsValue {
  if (value instanceof NdArray) {
    const { dtype, shape, data } = rowMajor(value);
    return [dtype, shape, sha256(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))];
  }
  if (Array.isArray(value)) return (value as readonly FobsValue[]).map(described);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, described(item as FobsValue)]));
}

const WISH = { size: 700_000, count: 5 };

describe.skipIf(inject('interopObstacle') !== '').each(CELL_VERSIONS)('arrays of NVFlare %s', (version) => {
  it('come and go within messages and by reference', async () => {
    const { cell, ask } = await setUp(version);
    for (const channel of ['app', 'task'])
      cell.handle(channel, 'describe', ({ payload }) => described(payload));

    for (const channel of ['app', 'task']) {
      const [returnCode, ours, theirs] = (await ask('task', 'send', { ...WISH, channel })) as FobsValue[];
      expect(returnCode).toBe('ok');
      expect(ours).toEqual(theirs);
    }

    const made = await ask('app', 'make', WISH, { stream: true });
    expect(described(await ask('task', 'make', WISH))).toEqual(described(made));
    const { shared, large } = made as { shared: readonly NdArray[]; large: Record<string, NdArray> };
    if (version >= '2.7') expect(shared[0]).toBe(shared[1]);
    expect(large[4]?.data[3]).toBe(7);
    expect(await ask('app', 'describe', made, { stream: true })).toEqual(described(made));
    expect(described(await ask('app', 'echo', made, { stream: true }))).toEqual(described(made));
  });
});

const WITH_REFERENCES = CELL_VERSIONS.filter((version) => version >= '2.7');

describe.skipIf(inject('interopObstacle') !== '').each(WITH_REFERENCES)(
  'references of NVFlare %s',
  (version) => {
    it('stay references where that is wished for, and are pulled one by one', async () => {
      const { cell, ask } = await setUp(version, { references: { lazy: true } });
      const { large } = (await ask('app', 'make', WISH, { stream: true })) as {
        large: readonly [RemoteItem];
      };
      const item = large[0];
      expect(item).toBeInstanceOf(RemoteItem);
      const items = await firstValueFrom(cell.pull(item).pipe(toArray()));
      expect(items).toHaveLength(11 + WISH.count + 1);
      expect(items.find(({ itemId }) => itemId === item.itemId)?.array.data[3]).toBe(3);
      await expect(firstValueFrom(cell.pull({ fqcn: 'py', dot: 3, refId: 'nothing' }))).rejects.toMatchObject(
        {
          returnCode: 'invalid_request',
          target: 'py',
        },
      );
    });

    it('are pulled from us where we send by reference', async () => {
      const { cell, ask } = await setUp(version, { references: { sendFromBytes: 1_000 } });
      const made = await ask('app', 'make', WISH, { stream: true });
      cell.handle('app', 'model', () => made);
      expect(await ask('app', 'describe', made)).toEqual(described(made));
      expect(await ask('task', 'pulls', null)).toBe(1);
      expect(await ask('task', 'ask', { topic: 'model' })).toEqual(['ok', described(made)]);
      expect(await ask('task', 'pulls', null)).toBe(2);
      expect(described(await ask('app', 'echo', made))).toEqual(described(made));
      expect(await ask('task', 'pulls', null)).toBe(3);
    });

    it('are of files too, to pull from Python and to offer to it', async () => {
      const { cell, ask } = await setUp(version);
      const [refId, digest] = (await ask('task', 'offer file', 12_000_001)) as [string, string];
      const hash = createHash('sha256');
      const sizes: number[] = [];
      const pulled$ = cell.pullFile({ fqcn: 'py', refId }, async (chunk) => {
        sizes.push(chunk.length);
        hash.update(chunk);
        return Promise.resolve();
      });
      expect(await lastValueFrom(pulled$)).toBe(12_000_001);
      expect(hash.digest('hex')).toBe(digest);
      expect(sizes).toEqual([5 * 1024 ** 2, 5 * 1024 ** 2, 12_000_001 - 10 * 1024 ** 2]);
      const ended = await vi.waitUntil(async () => {
        const [ends = []] = (await ask('task', 'offered', null)) as FobsValue[][];
        return ends.length > 0 && ends;
      }, 30_000);
      expect(ended).toContainEqual(['server', 'success']);
      const unknown = { fqcn: 'py', refId: 'nothing' };
      await expect(lastValueFrom(cell.pullFile(unknown, () => undefined))).rejects.toMatchObject({
        returnCode: 'invalid_request',
      });

      const bytes = new Uint8Array(pattern(12_000_001));
      const pulls: unknown[] = [];
      const offering = cell.offerFile('a file', new Blob([bytes])).subscribe((pull) => pulls.push(pull));
      const theirs = await ask('task', 'pull file', { fqcn: 'server', ref_id: 'a file' });
      expect(theirs).toEqual([null, bytes.length, sha256(bytes)]);
      await vi.waitUntil(() => pulls.length > 0, 30_000);
      expect(pulls).toEqual([{ by: 'py', isWhole: true }]);
      offering.unsubscribe();
      const gone = (await ask('task', 'pull file', { fqcn: 'server', ref_id: 'a file' })) as unknown[];
      expect(gone[0]).toContain('invalid_request');
    });

    it.runIf(version >= '2.9')('fail where the parent of their source says that it has died', async () => {
      const { cell, ask } = await setUp(version);
      const child = { target: 'server', fqcn: 'py.child', ref_id: 'r' };
      expect(await ask('task', 'fail source', child)).toEqual({ server: null });
      expect(await ask('task', 'fail source', { ...child, fqcn: 'site-9.child' })).toEqual({
        server: 'source failure notification returned invalid_request',
      });
      const pulled$ = cell.pullFile({ fqcn: 'py.child', refId: 'r' }, () => undefined);
      await expect(lastValueFrom(pulled$)).rejects.toThrow('its source has failed: "it died"');
    });
  },
);
