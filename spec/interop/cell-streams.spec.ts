import { firstValueFrom, lastValueFrom, map, mergeMap } from 'rxjs';
import { afterEach, describe, expect, inject, it, vi } from 'vitest';

import { Cell } from '../../lib/cellnet/index.js';
import type { FobsValue } from '../../lib/fobs/index.js';
import { Endpoint, Mode } from '../../lib/index.js';
import { communicator, stopAll, untilState } from '../support/communicators.js';
import { freePort } from '../support/free-port.js';
import { pattern, sha256 } from '../support/pattern.js';
import { startCellPeer } from './cell-peer.js';
import { NVFLARE_VERSIONS } from './set-up.js';

const MIB = 1024 ** 2;

afterEach(stopAll);

/** Our cell as the server, and the Python cell `py`. */
async function setUp(version: string) {
  const url = `tcp://127.0.0.1:${await freePort()}`;
  const hub = communicator(new Endpoint('server', { fqcn: 'server' }));
  hub.addConnector(url, Mode.PASSIVE);
  const cell = new Cell(hub, { dialect: version < '2.7' ? '2.4' : '2.7', requestTimeoutMs: 60_000 });
  await hub.start();
  await startCellPeer(version, 'py', url, 'stream_peer.py');
  await untilState(hub, 'py');
  const ask = (topic: string, value: FobsValue) =>
    firstValueFrom(cell.request('py', 'task', topic, value).pipe(map(({ payload }) => payload)));
  /** What the peer has noted under a name. */
  const noted = (name: string) => vi.waitUntil(() => ask('read', name), 30_000);
  return { cell, ask, noted };
}

describe.skipIf(inject('interopObstacle') !== '').each(NVFLARE_VERSIONS)(
  'streams of NVFlare %s',
  (version) => {
    const sizes = [0, 1, MIB - 1, MIB, MIB + 1, 5_000_000, 64 * MIB];

    it('arrive here as they were sent', async () => {
      const { cell, ask } = await setUp(version);
      const got = new Map<unknown, unknown>();
      cell
        .streams('blobs', '*')
        .pipe(
          mergeMap(({ bytes$, headers }) =>
            bytes$.pipe(map((bytes) => [headers.name, bytes.length, sha256(bytes)])),
          ),
        )
        .subscribe(([name, ...is]) => got.set(name, is));
      for (const size of sizes) {
        const name = `${size}`;
        expect(await ask('send blob', { target: 'server', name, size })).toBe(size);
        await vi.waitUntil(() => got.has(name), 10_000);
        expect(got.get(name)).toEqual([size, sha256(pattern(size))]);
      }
    });

    it('are received there as we send them', async () => {
      const { cell, noted } = await setUp(version);
      for (const size of sizes) {
        const bytes = pattern(size);
        const sent$ = cell.sendStream('py', 'blobs', 'from here', bytes, { headers: { name: `${size}` } });
        expect(await lastValueFrom(sent$)).toMatchObject({ sentBytes: size, size });
        expect(await noted(`${size}`)).toEqual([size, sha256(bytes)]);
      }
    });
  },
);
