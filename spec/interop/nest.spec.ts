import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { firstValueFrom, from, lastValueFrom, type Observable, Subject } from 'rxjs';
import { afterEach, describe, expect, inject, it } from 'vitest';

import { Cell, CellError, ReturnCode } from '../../lib/cellnet/index.js';
import type { FobsValue } from '../../lib/fobs/index.js';
import { Mode } from '../../lib/index.js';
import { CellClient, CellServer } from '../../lib/nest/microservices/index.js';
import { communicator, stopAll } from '../support/communicators.js';
import { freePort } from '../support/free-port.js';
import { startCellPeer } from './cell-peer.js';
import { NVFLARE_VERSIONS } from './set-up.js';

const noted = new Subject<unknown>();

@Controller()
class TaskController {
  @MessagePattern({ channel: 'task', topic: 'double' })
  double(@Payload() { value }: { value: number }): { value: number } {
    return { value: 2 * value };
  }

  @MessagePattern({ channel: 'task', topic: 'rounds' })
  rounds(): Observable<string> {
    return from(['first', 'last']);
  }

  @MessagePattern({ channel: 'task', topic: 'refuse' })
  refuse(): never {
    throw new RpcException(
      new CellError(ReturnCode.INVALID_SESSION, undefined, undefined, { reason: 'log in first' }),
    );
  }

  @MessagePattern({ channel: 'task', topic: 'fail' })
  fail(): never {
    throw new Error('a secret of the handler');
  }

  @EventPattern({ channel: 'task', topic: 'note' })
  note(@Payload() value: unknown): void {
    noted.next(value);
  }
}

@Module({ controllers: [TaskController] })
class TaskModule {}

afterEach(stopAll);

describe.skipIf(inject('interopObstacle') !== '').each(NVFLARE_VERSIONS)('NVFlare %s and Nest', (version) => {
  it('ask each other', async () => {
    const url = `tcp://127.0.0.1:${await freePort()}`;
    await startCellPeer(version, 'server', url);
    const hub = communicator('js');
    hub.addConnector(url, Mode.ACTIVE);
    const cell = new Cell(hub, { dialect: version < '2.7' ? '2.4' : '2.7' });
    const service = await NestFactory.createMicroservice(TaskModule, {
      strategy: new CellServer(cell),
      logger: false,
    });
    await service.listen();
    const client = new CellClient({ cell, target: 'server' });

    const task = (topic: string) => ({ channel: 'task', topic });
    const echoed = client.send(task('echo'), { round: 3 });
    expect(await lastValueFrom(echoed)).toEqual({ round: 3 });
    const refused = lastValueFrom(client.send(task('bad session'), ''));
    await expect(refused).rejects.toMatchObject({ returnCode: 'invalid_session' });

    const asked = (how: string, topic: string, payload: FobsValue = null) => {
      const wish = { how, topic, targets: ['js'], payload, timeout: 5.5 };
      return lastValueFrom(client.send({ channel: 'admin', topic: 'ask' }, wish));
    };
    expect(await asked('request', 'double', { value: 21 })).toEqual({ js: ['ok', null, { value: 42 }] });
    expect(await asked('request', 'rounds')).toEqual({ js: ['ok', null, 'last'] });
    expect(await asked('request', 'refuse')).toEqual({ js: ['invalid_session', 'log in first', null] });
    expect(await asked('request', 'fail')).toEqual({
      js: ['process_exception', 'Internal server error', null],
    });
    const note = firstValueFrom(noted);
    await asked('fire', 'note', { round: 1 });
    expect(await note).toEqual({ round: 1 });
    await client.close();
    await service.close();
  });
});
