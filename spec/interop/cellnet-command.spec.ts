import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, inject, it, vi } from 'vitest';

import { Cell, CellDiagnostics } from '../../lib/cellnet/index.js';
import type { FobsValue } from '../../lib/fobs/index.js';
import { Endpoint, Mode } from '../../lib/index.js';
import { communicator, stopAll, untilState } from '../support/communicators.js';
import { freePort } from '../support/free-port.js';
import { pattern, sha256 } from '../support/pattern.js';
import { RxflareProcess } from '../support/rxflare-process.js';
import { startCellPeer } from './cell-peer.js';
import { NVFLARE_VERSIONS } from './set-up.js';

afterEach(stopAll);

const dialectOf = (version: string) => (version < '2.7' ? '2.4' : '2.7');

describe.skipIf(inject('interopObstacle') !== '').each(NVFLARE_VERSIONS)(
  'the commands of cells, with NVFlare %s',
  (version) => {
    it('ask a cell behind a server of NVFlare, and answer one', async () => {
      const url = `tcp://127.0.0.1:${await freePort()}`;
      await startCellPeer(version, 'server', url);
      await startCellPeer(version, 'py', url);
      const request = (...args: readonly string[]) =>
        RxflareProcess.run('request', url, '--channel', 'task', '--dialect', dialectOf(version), ...args);
      const echo = ['--to', 'py', '--topic', 'echo'];
      // `py` is seen by the server some time after it says that it has started.
      await vi.waitUntil(async () => (await request(...echo)).exitCode === 0, 30_000);
      const isOk = { exitCode: 0, stderr: '' };
      expect(await request(...echo, '--payload', 'grüße')).toEqual({ ...isOk, stdout: 'grüße\n' });
      expect(await request(...echo, '--value', '{"a":[1,2.5,null]}')).toEqual({
        ...isOk,
        stdout: '{"a":[1,2.5,null]}\n',
      });
      expect(await request('--to', 'py', '--topic', 'bad session', '--json')).toMatchObject({
        exitCode: 8,
        stdout: expect.stringContaining('"returnCode":"invalid_session"') as unknown,
      });
      expect(await request('--to', 'py', '--topic', 'silent', '--timeout', '300ms')).toMatchObject({
        exitCode: 7,
      });

      await using serving = new RxflareProcess(
        ...['serve', url, '--parent', 'server', '--name', 'js', '--channel', 'task', '--echo', '--json'],
      );
      await serving.next(({ event, state }) => event === 'endpoint' && state === 'READY');
      const asker = communicator(new Endpoint('asker', { fqcn: 'asker' }));
      asker.addConnector(url, Mode.ACTIVE);
      const cell = new Cell(asker, { dialect: dialectOf(version) });
      await asker.start();
      await untilState(asker, 'server');
      const wish = { how: 'request', topic: 'any', targets: ['js'], payload: { n: 1 }, timeout: 5.5 };
      const { payload } = await firstValueFrom(cell.request('py', 'admin', 'ask', wish));
      expect(payload).toEqual({ js: ['ok', null, { n: 1 }] });
      expect(await serving.next(({ event }) => event === 'request')).toMatchObject({
        from: 'py',
        value: { n: 1 },
      });
      expect(await serving.stop()).toMatchObject(isOk);
    });

    it('show the cells of NVFlare, and are shown to it', async () => {
      const url = `tcp://127.0.0.1:${await freePort()}`;
      await startCellPeer(version, 'server', url);
      await startCellPeer(version, 'py', url);
      const js = ['serve', url, '--parent', 'server', '--name', 'js', '--channel', 'task', '--json'];
      await using serving = new RxflareProcess(...js, '--diagnostics', '--dialect', dialectOf(version));
      await serving.next(({ event, state }) => event === 'endpoint' && state === 'READY');
      const asker = communicator(new Endpoint('asker', { fqcn: 'asker' }));
      asker.addConnector(url, Mode.ACTIVE);
      const diagnostics = new CellDiagnostics(new Cell(asker));
      await asker.start();
      await untilState(asker, 'server');
      const peers = () => firstValueFrom(diagnostics.peers('server'));
      await vi.waitUntil(async () => (await peers()).length === 3, 30_000);
      expect(await firstValueFrom(diagnostics.route('py'))).toEqual({
        there: ['asker', 'server'],
        back: ['py', 'server'],
      });
      expect(await firstValueFrom(diagnostics.conns('server'))).toHaveProperty('ext_listeners');
      // The server asks those below it: our own asker answers no diagnostics.
      const below = await firstValueFrom(diagnostics.cells('server'));
      expect([...below].sort()).toEqual([
        'js',
        expect.stringContaining('no reply from asker'),
        'py',
        'server',
      ]);
      await asker.stop();

      const { stdout } = await RxflareProcess.run('cells', url, '--timeout', '5', '--json');
      const shown = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(
        shown.filter(({ event, rttMs }) => event === 'cell' && rttMs !== null).map(({ name }) => name),
      ).toEqual(['server', 'js', 'py']);
    });

    it('send files to a cell of NVFlare, and save what it sends', async () => {
      const url = `tcp://127.0.0.1:${await freePort()}`;
      await startCellPeer(version, 'server', url);
      const folder = await mkdtemp(join(tmpdir(), 'rxflare-files-'));
      const [source, target] = [join(folder, 'source'), join(folder, 'target')];
      const bytes = pattern(20_000_000);
      await writeFile(source, bytes);

      const push = ['push', url, source, '--to', 'server', '--channel', 'bytes', '--topic', 'any', '--json'];
      const pushed = await RxflareProcess.run(...push, '--header', 'name=file', '--header', 'wait=0');
      expect(pushed).toMatchObject({ exitCode: 0, stderr: '' });
      const isConfirmed = version >= '2.9';
      expect(JSON.parse(pushed.stdout)).toMatchObject({ event: 'pushed', bytes: bytes.length, isConfirmed });
      expect(await RxflareProcess.run(...push, '--to', 'gone')).toMatchObject({ exitCode: 3 });
      const asker = communicator(new Endpoint('asker', { fqcn: 'asker' }));
      asker.addConnector(url, Mode.ACTIVE);
      const cell = new Cell(asker, { dialect: dialectOf(version) });
      await asker.start();
      await untilState(asker, 'server');
      const ask = async (topic: string, value: FobsValue) =>
        (await firstValueFrom(cell.request('server', 'admin', topic, value))).payload;
      expect(await vi.waitUntil(() => ask('read', 'file'), 30_000)).toEqual([bytes.length, sha256(bytes)]);

      const pull = [
        'pull',
        url,
        target,
        '--parent',
        'server',
        '--name',
        'js',
        '--channel',
        'blobs',
        '--json',
      ];
      await using pulling = new RxflareProcess(...pull);
      await pulling.next(({ event, state }) => event === 'endpoint' && state === 'READY');
      await ask('send blob', { target: 'js', name: 'blob', size: bytes.length });
      expect(await pulling.ended()).toMatchObject({ exitCode: 0, stderr: '' });
      expect((await readFile(target)).equals(bytes)).toBe(true);
    });
  },
);
