import { firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, inject, it, vi } from 'vitest';

import { Cell } from '../../lib/cellnet/index.js';
import { Endpoint, Mode } from '../../lib/index.js';
import { communicator, stopAll, untilState } from '../support/communicators.js';
import { freePort } from '../support/free-port.js';
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
  },
);
