import {
  Catch,
  Controller,
  Logger,
  Module,
  type ModuleMetadata,
  type Type,
  UseFilters,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  type ClientProxy,
  ClientsModule,
  Ctx,
  EventPattern,
  MessagePattern,
  Payload,
  RpcException,
} from '@nestjs/microservices';
import {
  firstValueFrom,
  from,
  lastValueFrom,
  type Observable,
  Subject,
  take,
  tap,
  throwError,
  timeout,
  toArray,
} from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { Cell, CellError, ReturnCode } from '../../../lib/cellnet/index.js';
import { Communicator, Endpoint, Mode } from '../../../lib/index.js';
import { RxflareModule } from '../../../lib/nest/index.js';
import {
  CELL_TRANSPORT,
  CellClient,
  type CellClientOptions,
  type CellContext,
  CellServer,
  type CellServerOptions,
} from '../../../lib/nest/microservices/index.js';
import { WATCHER_PROPERTIES } from '../../../lib/watcher.js';
import { communicator, stopAll, untilState } from '../../support/communicators.js';

const CELLS = Symbol('client');

const noted = new Subject<unknown>();
/** A request for `slow` is at work, until `finishing` emits its reply. */
const started = new Subject<void>();
const finishing = new Subject<string>();

/** One that was written for HTTP, where the second argument is a response. */
@Catch()
class HttpFilter {
  catch(): never {
    throw new TypeError('response.status is not a function');
  }
}

@Controller()
class TrainingController {
  @MessagePattern({ channel: 'training', topic: 'double' })
  double(@Payload() value: number): number {
    return 2 * value;
  }

  @MessagePattern({ channel: 'training', topic: 'rounds' })
  rounds(@Payload() last: number): Observable<number> {
    return from(Array.from({ length: last }, (_, index) => index + 1));
  }

  @MessagePattern({ channel: 'training', topic: 'who' })
  async who(@Payload() _data: unknown, @Ctx() context: CellContext): Promise<string> {
    return Promise.resolve(`${context.getOrigin()} by ${context.getNeighbour()}: ${context.getTopic()}`);
  }

  @MessagePattern({ channel: 'training', topic: 'refuse' })
  refuse(): never {
    throw new RpcException(new CellError(ReturnCode.INVALID_SESSION));
  }

  @MessagePattern({ channel: 'training', topic: 'explain' })
  explain(@Payload() error: string | object): never {
    throw new RpcException(error);
  }

  @MessagePattern({ channel: 'training', topic: 'fail' })
  fail(): Observable<never> {
    return throwError(() => new Error('a secret of the handler'));
  }

  @UseFilters(HttpFilter)
  @MessagePattern({ channel: 'training', topic: 'fail badly' })
  failBadly(): never {
    throw new Error('a secret of the handler');
  }

  @MessagePattern({ channel: 'training', topic: 'slow' })
  slow(): Observable<string> {
    started.next();
    return finishing.pipe(take(1));
  }

  @MessagePattern({ channel: 'training', topic: '*' })
  other(@Ctx() context: CellContext): string {
    const { user } = context.getHeaders();
    return `${context.getChannel()} has no ${context.getTopic()}, ${user as string}`;
  }

  @EventPattern({ channel: 'training', topic: 'note' })
  note(@Payload() value: unknown): void {
    noted.next(value);
  }

  @EventPattern({ channel: 'training', topic: 'slow note' })
  async slowNote(): Promise<void> {
    started.next();
    noted.next(await firstValueFrom(finishing));
  }

  @EventPattern({ channel: 'training', topic: 'notes' })
  notes(): Observable<string> {
    started.next();
    return finishing.pipe(
      take(1),
      tap((note) => noted.next(note)),
    );
  }

  @UseFilters(HttpFilter)
  @EventPattern({ channel: 'training', topic: 'bad note' })
  badNote(): never {
    throw new Error('a bad note');
  }
}

const applications = new Set<{ close(): Promise<unknown> }>();

afterEach(async () => {
  Logger.overrideLogger(false);
  for (const application of applications) await application.close();
  applications.clear();
  await stopAll();
});

/** A module class, as the decorator makes it. */
function moduleOf(metadata: ModuleMetadata): Type {
  class AppModule {}
  Module(metadata)(AppModule);
  return AppModule;
}

let links = 0;

/** A cell whose communicator nobody has started. */
function cellOf(name: string, url: string, mode: Mode): Cell {
  const made = communicator(name);
  made.addConnector(url, mode);
  return new Cell(made);
}

/** A client of a real Nest application. */
async function clientOf(options: CellClientOptions): Promise<CellClient> {
  const clients = ClientsModule.register([{ name: CELLS, customClass: CellClient, options }]);
  const application = await NestFactory.createApplicationContext(moduleOf({ imports: [clients] }), {
    logger: false,
  });
  applications.add(application);
  return application.get<CellClient>(CELLS);
}

/** A microservice of Nest that answers as `site-1`, and a client in another application that asks. */
async function setUp(options: CellServerOptions = {}) {
  const url = `inproc://nest-${(links += 1)}`;
  const site = cellOf('site-1', url, Mode.ACTIVE);
  const service = await NestFactory.createMicroservice(moduleOf({ controllers: [TrainingController] }), {
    strategy: new CellServer(site, options),
    logger: false,
  });
  applications.add(service);
  const server = cellOf('server', url, Mode.PASSIVE);
  const client = await clientOf({ cell: server, target: 'site-1' });
  await Promise.all([service.listen(), client.connect()]);
  return { service, site, server, client };
}

const training = (topic: string) => ({ channel: 'training', topic });
const valuesOf = (sent: Observable<unknown>) => lastValueFrom(sent.pipe(toArray()));

describe('cells as a transport of Nest microservices', () => {
  it('answer by message patterns: with a value, a promise, and the last value of an Observable', async () => {
    const { client, server } = await setUp();
    expect(await valuesOf(client.send(training('double'), 21))).toEqual([42]);
    expect(await valuesOf(client.send(training('rounds'), 3))).toEqual([3]);
    expect(await valuesOf(client.send(training('rounds'), 0))).toEqual([]);
    expect(await valuesOf(client.send(training('who'), ''))).toEqual(['server by server: who']);
    expect(await firstValueFrom(server.request('site-1', 'training', 'double', 4))).toMatchObject({
      payload: 8,
    });
  });

  it('take events', async () => {
    const { client } = await setUp();
    const first = firstValueFrom(noted);
    void client.emit(training('note'), { round: 1 });
    expect(await first).toEqual({ round: 1 });
  });

  it('log an event whose handler fails behind its filters, and go on', async () => {
    const { client, site } = await setUp();
    const logged = new Subject<unknown>();
    const ignore = () => undefined;
    Logger.overrideLogger({ error: (message) => logged.next(message), log: ignore, warn: ignore });
    const failure = { name: 'TypeError', message: 'response.status is not a function' };
    const [first, known] = [firstValueFrom(logged), firstValueFrom(site.handlerErrors$)];
    await lastValueFrom(client.emit(training('bad note'), 1));
    expect(await first).toMatchObject(failure);
    expect(await known).toMatchObject({ topic: 'bad note', error: failure });
    expect(await firstValueFrom(client.send(training('double'), 2))).toBe(4);
  });

  it('leave to `*` what no topic is for, and hand on the headers', async () => {
    const { client } = await setUp();
    const address = { ...training('tea'), headers: { user: 'Ada' } };
    expect(await firstValueFrom(client.send(address, ''))).toBe('training has no tea, Ada');
  });

  it('call the hooks of instrumentation: around each request, and before it is sent', async () => {
    const { client, service } = await setUp();
    const server = service.getTransportServer() as CellServer;
    const seen: string[] = [];
    server.setOnProcessingStartHook((transport, context, done) => {
      const { trace } = (context as CellContext).getHeaders();
      seen.push(`start ${trace as string}`);
      expect(transport).toBe(CELL_TRANSPORT);
      void done();
    });
    server.setOnProcessingEndHook((_transport, context) => {
      seen.push(`end ${(context as CellContext).getTopic()}`);
    });
    client.setOnDispatchHook((packet) => (packet.metadata = { trace: 'abc' }));
    await lastValueFrom(client.send(training('double'), 1));
    await lastValueFrom(client.send(training('fail'), 1)).catch(() => undefined);
    const note = firstValueFrom(noted);
    await lastValueFrom(client.emit(training('note'), 1));
    await note;
    await lastValueFrom(client.send(training('double'), 1));
    expect(seen).toEqual([
      'start abc',
      'end double',
      'start abc',
      'end fail',
      'start abc',
      'end note',
      'start abc',
      'end double',
    ]);
  });

  it.each([
    ['refuse', '', { returnCode: 'invalid_session', reason: undefined }],
    ['explain', 'log in first', { returnCode: 'process_exception', reason: 'log in first' }],
    [
      'explain',
      { status: 'unauthenticated', message: 'no' },
      { returnCode: 'unauthenticated', reason: 'no' },
    ],
    ['explain', { status: 418 }, { returnCode: 'process_exception', reason: undefined }],
    ['fail', '', { returnCode: 'process_exception', reason: 'Internal server error' }],
  ])('tell of a failure: %s %j', async (topic, data, expected) => {
    const { client } = await setUp();
    const sent = lastValueFrom(client.send(training(topic), data));
    await expect(sent).rejects.toMatchObject({ name: 'CellError', target: 'site-1', ...expected });
  });

  it('keep for us what a filter threw', async () => {
    const { client, site } = await setUp();
    const known = firstValueFrom(site.handlerErrors$);
    await expect(lastValueFrom(client.send(training('fail badly'), ''))).rejects.toMatchObject({
      returnCode: 'process_exception',
      reason: undefined,
    });
    expect(await known).toMatchObject({ error: { cause: { name: 'TypeError' } } });
  });

  it('end with a time-out, of the request or of RxJS', async () => {
    const { client, site } = await setUp();
    const late = lastValueFrom(client.send({ ...training('slow'), timeoutMs: 20 }, ''));
    await expect(late).rejects.toMatchObject({ returnCode: 'timeout' });
    const given = lastValueFrom(client.send(training('slow'), '').pipe(timeout(20)));
    await expect(given).rejects.toMatchObject({ name: 'TimeoutError' });
    finishing.next('too late');
    expect(site.stats.lateReplies).toBe(0);
  });

  it('go to the target of the pattern, or else to that of the client', async () => {
    const { client, server } = await setUp();
    const gone = lastValueFrom(client.send({ ...training('double'), target: 'site-2' }, 1));
    await expect(gone).rejects.toMatchObject({ returnCode: 'target_unreachable' });
    const aimless = await clientOf({ cell: server });
    const aimed = aimless.send({ ...training('double'), target: 'site-1' }, 1);
    expect(await firstValueFrom(aimed)).toBe(2);
    await expect(lastValueFrom(aimless.send(training('double'), 1))).rejects.toMatchObject({
      returnCode: 'invalid_target',
    });
    const lost = lastValueFrom(aimless.emit(training('note'), 1));
    await expect(lost).rejects.toMatchObject({ returnCode: 'invalid_target' });
  });

  it.each(['training', { cmd: 'double' }, 7])('need a channel and a topic, not %j', async (pattern) => {
    const { client } = await setUp();
    await expect(lastValueFrom(client.send(pattern, 1))).rejects.toMatchObject({ code: 'BAD_CONFIG' });
    class OtherController {
      handle(): void {
        noted.next(pattern);
      }
    }
    Controller()(OtherController);
    const handle = Object.getOwnPropertyDescriptor(OtherController.prototype, 'handle');
    MessagePattern(pattern)(OtherController.prototype, 'handle', handle ?? {});
    const service = await NestFactory.createMicroservice(moduleOf({ controllers: [OtherController] }), {
      strategy: new CellServer(cellOf('site-2', `inproc://nest-${(links += 1)}`, Mode.PASSIVE)),
      logger: false,
    });
    applications.add(service);
    await expect(service.listen()).rejects.toMatchObject({
      code: 'BAD_CONFIG',
      message: expect.stringContaining('{ channel, topic }') as string,
    });
  });
});

describe('their connections', () => {
  it('tell of their state and their neighbours, and hand out the cell', async () => {
    const url = `inproc://nest-${(links += 1)}`;
    const cell = cellOf('server', url, Mode.PASSIVE);
    const client = await clientOf({ cell });
    const seen: string[] = [];
    client.on('connect', ({ name }) => seen.push(`connect ${name}`));
    client.on('disconnect', ({ name }) => seen.push(`disconnect ${name}`));
    const states = firstValueFrom(client.status.pipe(take(3), toArray()));
    const connected = client.connect();
    const page = communicator(new Endpoint('page', WATCHER_PROPERTIES));
    page.addConnector(url, Mode.ACTIVE);
    await page.start();
    await untilState(cell.communicator, 'page');
    const site = cellOf('site-1', url, Mode.ACTIVE);
    await site.communicator.start();
    await connected;
    await site.communicator.stop();
    expect(await states).toEqual(['disconnected', 'connected', 'disconnected']);
    expect(seen).toEqual(['connect site-1', 'disconnect site-1']);
    expect(client.unwrap()).toBe(cell);
  });

  it('fail where no neighbour comes in time, and where the client is closed', async () => {
    const cell = cellOf('server', `inproc://nest-${(links += 1)}`, Mode.PASSIVE);
    const impatient = await clientOf({ cell, target: 'site-1', connectTimeoutMs: 20 });
    await expect(impatient.connect()).rejects.toMatchObject({ code: 'TIMEOUT' });
    await expect(lastValueFrom(impatient.send(training('double'), 1))).rejects.toMatchObject({
      code: 'TIMEOUT',
    });
    const client = await clientOf({ cell, target: 'site-1' });
    const connecting = expect(client.connect()).rejects.toMatchObject({ code: 'CLOSED' });
    await client.close();
    await connecting;
    await expect(client.connect()).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('fail where the communicator stops while the client waits', async () => {
    const cell = cellOf('server', `inproc://nest-${(links += 1)}`, Mode.PASSIVE);
    const client = await clientOf({ cell });
    const connecting = expect(client.connect()).rejects.toMatchObject({ code: 'CLOSED' });
    await cell.communicator.stop();
    await connecting;
    await expect(client.connect()).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])('wait for no %s ms', (time) => {
    const cell = cellOf('server', `inproc://nest-${(links += 1)}`, Mode.PASSIVE);
    const refused = {
      code: 'BAD_CONFIG',
      message: expect.stringContaining('expected 0 to 2147483647') as string,
    };
    expect(() => new CellClient({ cell, connectTimeoutMs: time })).toThrow(expect.objectContaining(refused));
    expect(() => new CellServer(cell, { gracePeriodMs: time })).toThrow(expect.objectContaining(refused));
  });

  it('know no other options', () => {
    const cell = cellOf('server', `inproc://nest-${(links += 1)}`, Mode.PASSIVE);
    const refused = expect.objectContaining({
      code: 'BAD_CONFIG',
      message: expect.stringContaining('there is no such option') as string,
    }) as Error;
    expect(() => new CellClient({ cell, timeoutMs: 1 } as CellClientOptions)).toThrow(refused);
    expect(() => new CellServer(cell, { graceMs: 1 } as CellServerOptions)).toThrow(refused);
  });

  it('are closed with the application: a client gives up, and who started a communicator stops it', async () => {
    const { client, server, site, service } = await setUp();
    const asked = expect(lastValueFrom(client.send(training('slow'), ''))).rejects.toMatchObject({
      code: 'CLOSED',
    });
    await firstValueFrom(started);
    await client.close();
    await asked;
    expect(server.communicator.isRunning).toBe(false);
    finishing.next('in vain');
    await service.close();
    expect(site.communicator.isRunning).toBe(false);
  });

  it('stay where somebody else has started them', async () => {
    const cell = cellOf('server', `inproc://nest-${(links += 1)}`, Mode.PASSIVE);
    await cell.communicator.start();
    const client = await clientOf({ cell, connectTimeoutMs: 1 });
    await expect(client.connect()).rejects.toMatchObject({ code: 'TIMEOUT' });
    await client.close();
    expect(cell.communicator.isRunning).toBe(true);
  });
});

describe('a service that is asked by a cell that goes', () => {
  it('lets go of what works on the reply', async () => {
    const { client, service, server } = await setUp();
    const slow = lastValueFrom(client.send(training('slow'), ''));
    await firstValueFrom(started);
    await vi.waitUntil(() => finishing.observed, 30_000);
    const refused = expect(slow).rejects.toMatchObject({ returnCode: 'comm_error' });
    await server.communicator.stop();
    await refused;
    await vi.waitUntil(() => !finishing.observed, 30_000);
    // Nothing is at work any more, so it waits for nothing.
    await service.close();
  });
});

describe('a service that is closed', () => {
  it('takes no more requests, and lets handlers that are at work finish', async () => {
    const { client, service, server } = await setUp();
    const slow = firstValueFrom(client.send(training('slow'), ''));
    await firstValueFrom(started);
    const closed = service.close();
    await expect(firstValueFrom(server.request('site-1', 'training', 'double', 1))).rejects.toMatchObject({
      returnCode: 'process_exception',
    });
    finishing.next('in time');
    expect(await slow).toBe('in time');
    await closed;
  });

  it.each(['slow note', 'notes'])('lets handlers of events finish: %s', async (topic) => {
    const { client, service, server } = await setUp();
    const seen: unknown[] = [];
    const noting = noted.subscribe((note) => seen.push(note));
    const isStarted = firstValueFrom(started);
    await lastValueFrom(client.emit(training(topic), 1));
    await isStarted;
    const closed = service.close().then(() => seen.push('closed'));
    // The service is there, and answers, as long as the event is at work.
    await expect(firstValueFrom(server.request('site-1', 'training', 'double', 1))).rejects.toMatchObject({
      returnCode: 'process_exception',
    });
    finishing.next('written');
    await closed;
    noting.unsubscribe();
    expect(seen).toEqual(['written', 'closed']);
  });

  it('ends handlers that go on for too long', async () => {
    const { client, service } = await setUp({ gracePeriodMs: 0 });
    const slow = lastValueFrom(client.send(training('slow'), ''));
    await firstValueFrom(started);
    const closed = service.close();
    await expect(slow).rejects.toMatchObject({ returnCode: 'service_unavailable' });
    expect(finishing.observed).toBe(false);
    await closed;
  });
});

describe('in an application that has a communicator already', () => {
  it('share its cell: it answers and asks by it', async () => {
    const module = moduleOf({
      imports: [RxflareModule.forRoot({ endpoint: 'server', attach: false })],
      controllers: [TrainingController],
      providers: [
        {
          provide: Cell,
          inject: [Communicator],
          useFactory: (communicator: Communicator) => new Cell(communicator),
        },
        {
          provide: CELLS,
          inject: [Cell],
          useFactory: (cell: Cell) => new CellClient({ cell, target: 'site-1' }),
        },
      ],
    });
    const application = await NestFactory.create(module, { logger: false });
    applications.add(application);
    const url = `inproc://nest-${(links += 1)}`;
    application.get(Communicator).addConnector(url, Mode.PASSIVE);
    application.connectMicroservice({
      strategy: new CellServer(application.get(Cell), { gracePeriodMs: 2 ** 31 - 1 }),
    });
    await application.startAllMicroservices();
    await application.init();
    const site = cellOf('site-1', url, Mode.ACTIVE);
    site.handle('training', 'progress', () => 'halfway');
    await site.communicator.start();
    const client = application.get<ClientProxy>(CELLS);
    expect(await firstValueFrom(client.send(training('progress'), ''))).toBe('halfway');
    const asked = site.request('server', 'training', 'double', 4);
    expect(await firstValueFrom(asked)).toMatchObject({ payload: 8 });
    const slow = expect(firstValueFrom(site.request('server', 'training', 'slow'))).rejects.toMatchObject({
      returnCode: 'comm_error',
    });
    await firstValueFrom(started);
    await application.close();
    expect(application.get(Communicator).isRunning).toBe(false);
    await slow;
  });
});
