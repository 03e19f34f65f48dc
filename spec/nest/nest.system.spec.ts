import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import {
  Controller,
  Get,
  type INestApplication,
  Inject,
  Module,
  type ModuleMetadata,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { Communicator, Endpoint, Mode, type Resources, textMessage, textOf } from '../../lib/index.js';
import { WATCHER_PROPERTIES } from '../../lib/monitor/index.js';
import { RxflareHealth, RxflareModule } from '../../lib/nest/index.js';
import { testCertificates } from '../support/certificates.js';
import { communicator, nextEvent, stopAll, untilState } from '../support/communicators.js';

const { ca, hub: hubPair, site1 } = await testCertificates();
const TLS = { key: readFileSync(hubPair.key), cert: readFileSync(hubPair.cert), ca: readFileSync(ca) };
const SITE_1 = { ca_cert: ca, client_cert: site1.cert, client_key: site1.key };

@Controller()
class AppController {
  readonly #hub: Communicator;
  readonly #health: RxflareHealth;
  readonly #checks: HealthCheckService;

  constructor(
    @Inject(Communicator) hub: Communicator,
    @Inject(RxflareHealth) health: RxflareHealth,
    @Inject(HealthCheckService) checks: HealthCheckService,
  ) {
    this.#hub = hub;
    this.#health = health;
    this.#checks = checks;
  }

  onModuleInit(): void {
    this.#hub.registerMessageReceiver(1, ({ endpoint, message }) =>
      this.#hub.send(endpoint, 1, textMessage(`hello ${textOf(message)}`)),
    );
  }

  @Get('endpoints')
  async endpoints(): Promise<readonly string[]> {
    return [...(await firstValueFrom(this.#hub.endpoints$)).keys()];
  }

  @Get('health')
  health() {
    return this.#checks.check([() => this.#health.check('federation', { endpoints: ['site-1'] })]);
  }
}

const applications = new Set<{ close(): Promise<void> }>();

afterEach(async () => {
  await stopAll();
  for (const application of applications) await application.close();
  applications.clear();
});

/** A module class, as the decorator makes it. */
function moduleOf(metadata: ModuleMetadata): Type {
  class AppModule {}
  Module(metadata)(AppModule);
  return AppModule;
}

const FEDERATED = moduleOf({
  imports: [RxflareModule.forRoot({ endpoint: 'hub' }), TerminusModule.forRoot({ logger: false })],
  controllers: [AppController],
});

/** A Nest application that listens, its communicator, and where it is. */
async function listening(module: Type, httpsOptions?: Readonly<Record<string, unknown>>) {
  const application: INestApplication<Server> = await NestFactory.create(module, {
    logger: false,
    ...(httpsOptions && { httpsOptions }),
  });
  applications.add(application);
  await application.listen(0, '127.0.0.1');
  const { port } = application.getHttpServer().address() as AddressInfo;
  return { application, hub: application.get(Communicator), address: `localhost:${port}` };
}

async function join(url: string, resources: Resources = {}): Promise<Communicator> {
  const site = communicator('site-1');
  site.addConnector(url, Mode.ACTIVE, false, resources);
  await site.start();
  return site;
}

async function answerTo(site: Communicator, text: string): Promise<string> {
  const answer = firstValueFrom(site.messages(1));
  await untilState(site, 'hub');
  site.send('hub', 1, textMessage(text));
  return textOf((await answer).message);
}

describe('a hub in a real Nest application', () => {
  it('shares its port: a site joins and is answered, and controllers see it', async () => {
    const { hub, address } = await listening(FEDERATED);
    const site = await join(`http://${address}/f3`);
    expect(await answerTo(site, 'site')).toBe('hello site');
    await untilState(hub, 'site-1');
    const response = await fetch(`http://${address}/endpoints`);
    expect(await response.json()).toEqual(['site-1']);
  });

  it('speaks TLS where the application does', async () => {
    const { address } = await listening(FEDERATED, TLS);
    const site = await join(`https://${address}/f3`, { ca_cert: ca, connection_security: 'tls' });
    expect(await answerTo(site, 'site')).toBe('hello site');
  });

  it('binds names to certificates where the application requests them', async () => {
    const { hub, address } = await listening(FEDERATED, { ...TLS, requestCert: true });
    const site = await join(`https://${address}/f3`, SITE_1);
    expect(await answerTo(site, 'site')).toBe('hello site');
    const rejected = nextEvent(hub, 'disconnected');
    const stranger = communicator('site-2');
    stranger.addConnector(`https://${address}/f3`, Mode.ACTIVE, false, SITE_1);
    await stranger.start();
    expect((await rejected).error).toMatchObject({ detail: 'certificate-name' });
  });

  it('says in the form of Terminus whether it is healthy', async () => {
    const { application, hub, address } = await listening(FEDERATED);
    const health = async () => {
      const response = await fetch(`http://${address}/health`);
      const { details } = (await response.json()) as { details: unknown };
      return [response.status, details];
    };
    const page = communicator(new Endpoint('page', WATCHER_PROPERTIES));
    page.addConnector(`http://${address}/f3`, Mode.ACTIVE);
    await page.start();
    await untilState(hub, 'page');
    expect(await health()).toEqual([503, { federation: { status: 'down', ready: 0, missing: ['site-1'] } }]);
    await join(`http://${address}/f3`);
    await untilState(hub, 'site-1');
    expect(await health()).toEqual([200, { federation: { status: 'up', ready: 1, missing: [] } }]);
    expect(application.get(RxflareHealth).check()).toEqual({
      rxflare: { status: 'up', ready: 1, missing: [] },
    });
    await hub.stop();
    expect(application.get(RxflareHealth).check().rxflare.status).toBe('down');
    await application.close();
  });

  it('delivers what it has accepted when the application closes, and leaves nothing open', async () => {
    const { application, hub, address } = await listening(FEDERATED);
    const site = await join(`http://${address}/f3`);
    await untilState(hub, 'site-1');
    const last = firstValueFrom(site.messages(2));
    const gone = untilState(site, 'hub', 'DISCONNECTED');
    hub.send('site-1', 2, textMessage('good bye'));
    await application.close();
    expect(textOf((await last).message)).toBe('good bye');
    await gone;
    expect(application.getHttpServer().listening).toBe(false);
    await expect(hub.start()).rejects.toMatchObject({ code: 'CLOSED' });
  });
});

describe('the module', () => {
  it('takes its options from other providers, a path among them, and can be global', async () => {
    const PATH = Symbol('path');
    const config = moduleOf({ providers: [{ provide: PATH, useValue: '/federation' }], exports: [PATH] });
    class Service {
      readonly hub: Communicator;
      constructor(hub: Communicator) {
        this.hub = hub;
      }
    }
    Inject(Communicator)(Service, undefined, 0);
    const rxflare = RxflareModule.forRootAsync({
      isGlobal: true,
      imports: [config],
      inject: [PATH],
      useFactory: (path: string) => Promise.resolve({ endpoint: 'hub', attach: { path } }),
    });
    const { application, hub, address } = await listening(
      moduleOf({ imports: [rxflare, moduleOf({ providers: [Service] })] }),
    );
    expect(application.get(Service, { strict: false }).hub).toBe(hub);
    await join(`http://${address}/federation`);
    await untilState(hub, 'site-1');
  });

  it('attaches nothing on demand, so that an application without HTTP can be a site', async () => {
    const { hub, address } = await listening(FEDERATED);
    const module = moduleOf({ imports: [RxflareModule.forRoot({ endpoint: 'site-1', attach: false })] });
    const application = await NestFactory.createApplicationContext(module, { logger: false });
    applications.add(application);
    application.get(Communicator).addConnector(`http://${address}/f3`, Mode.ACTIVE);
    await untilState(hub, 'site-1');
    expect(application.get(RxflareHealth).check().rxflare.status).toBe('up');
    await application.close();
    await untilState(hub, 'site-1', 'DISCONNECTED');
  });

  it('lets no application start that has no HTTP server to attach to', async () => {
    const module = moduleOf({ imports: [RxflareModule.forRoot({ endpoint: 'hub' })] });
    const start = NestFactory.createApplicationContext(module, { logger: false, abortOnError: false });
    await expect(start).rejects.toMatchObject({
      code: 'BAD_CONFIG',
      message: expect.stringContaining('attach: false') as string,
    });
  });

  it('lets no application start whose path another one has', async () => {
    const twice = moduleOf({
      imports: [
        RxflareModule.forRoot({ endpoint: 'hub' }),
        moduleOf({ imports: [RxflareModule.forRoot({ endpoint: 'other' })] }),
      ],
    });
    await expect(listening(twice)).rejects.toMatchObject({ code: 'BAD_CONFIG' });
  });
});
