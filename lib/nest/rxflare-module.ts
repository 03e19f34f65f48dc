import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

import { Endpoint } from '../endpoint.js';
import { Communicator } from '../index.js';
import {
  RXFLARE_OPTIONS,
  type RxflareModuleAsyncOptions,
  type RxflareModuleOptions,
  type RxflareModuleScope,
} from './module-options.js';
import { RxflareHealth } from './rxflare-health.js';
import { type AdapterHost, RxflareLifecycle } from './rxflare-lifecycle.js';

/**
 * Provides a `Communicator` and its {@link RxflareHealth}, for injection.
 *
 * It attaches the communicator to the HTTP server of the application and starts it in `onApplicationBootstrap`: all
 * providers can add receivers, connectors and drivers before, in their constructor or in `onModuleInit`. It stops the
 * communicator in `beforeApplicationShutdown`, while the server is still there: what `send` accepted is delivered.
 */
export class RxflareModule {
  /**
   * With options that are known.
   *
   * The application does not start where the communicator cannot: `init` and `listen` reject with its CommError.
   *
   * @example
   * ```ts
   * const imported = RxflareModule.forRoot({ endpoint: 'hub', attach: { path: '/federation' } });
   * ```
   */
  static forRoot({ isGlobal, ...options }: RxflareModuleOptions & RxflareModuleScope): DynamicModule {
    return moduleOf({ provide: RXFLARE_OPTIONS, useValue: options }, { isGlobal });
  }

  /** With options that other providers give, such as Nest's `ConfigService`. */
  static forRootAsync({ imports, inject, useFactory, isGlobal }: RxflareModuleAsyncOptions): DynamicModule {
    const provider = { provide: RXFLARE_OPTIONS, useFactory, ...(inject && { inject }) };
    return { ...moduleOf(provider, { isGlobal }), ...(imports && { imports }) };
  }
}

// As a call, since the library is compiled without decorators. Factories need no metadata of types either.
Module({})(RxflareModule);

function moduleOf(options: Provider, { isGlobal = false }: { isGlobal: boolean | undefined }): DynamicModule {
  return {
    module: RxflareModule,
    global: isGlobal,
    providers: [
      options,
      {
        provide: Communicator,
        inject: [RXFLARE_OPTIONS],
        useFactory: ({ endpoint, options }: RxflareModuleOptions) =>
          new Communicator(typeof endpoint === 'string' ? new Endpoint(endpoint) : endpoint, options),
      },
      {
        provide: RxflareLifecycle,
        inject: [Communicator, RXFLARE_OPTIONS, HttpAdapterHost],
        useFactory: (communicator: Communicator, options: RxflareModuleOptions, host: AdapterHost) =>
          new RxflareLifecycle(communicator, options, host),
      },
      {
        provide: RxflareHealth,
        inject: [Communicator],
        useFactory: (communicator: Communicator) => new RxflareHealth(communicator),
      },
    ],
    exports: [Communicator, RxflareHealth],
  };
}
