import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { AttachableServer } from '../drivers/index.js';
import type { Communicator } from '../index.js';
import type { RxflareModuleOptions } from './module-options.js';

/** Nest's `HttpAdapterHost`, which is empty in an application without an HTTP server. */
export interface AdapterHost {
  readonly httpAdapter?: { getHttpServer(): AttachableServer } | null;
}

/** Starts and stops the communicator with the application. */
export class RxflareLifecycle implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #communicator: Communicator;
  readonly #options: RxflareModuleOptions;
  readonly #host: AdapterHost;

  constructor(communicator: Communicator, options: RxflareModuleOptions, host: AdapterHost) {
    this.#communicator = communicator;
    this.#options = options;
    this.#host = host;
  }

  /** The server exists by now, which it does not yet where providers are made. */
  async onApplicationBootstrap(): Promise<void> {
    const { attach = {} } = this.#options;
    if (attach !== false) this.#communicator.attach(serverOf(this.#host), attach);
    await this.#communicator.start();
  }

  /** The server is closed after this, and waits for its connections. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.#communicator.stop();
  }
}

function serverOf({ httpAdapter }: AdapterHost): AttachableServer {
  if (httpAdapter) return httpAdapter.getHttpServer();
  const detail = 'the application has no HTTP server to attach to: with attach: false it only connects';
  throw new CommError(CommErrorCode.BAD_CONFIG, `RxflareModule: ${detail}`);
}
