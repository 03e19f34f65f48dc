import type { FactoryProvider, ModuleMetadata } from '@nestjs/common';

import type { AttachOptions } from '../drivers/index.js';
import type { Endpoint } from '../endpoint.js';
import type { CommunicatorOptions } from '../options.js';

/** What {@link RxflareModule} makes its communicator of. */
export interface RxflareModuleOptions {
  /** The local endpoint, or its name. */
  readonly endpoint: Endpoint | string;
  /** The options of the communicator. */
  readonly options?: CommunicatorOptions;
  /**
   * Where sites and pages connect on the HTTP server of the application; `false` attaches nothing, for an application
   * that only connects, or has no HTTP server. Default: `{}`, which is `/f3` for all origins.
   */
  readonly attach?: AttachOptions | false;
}

/** Who can inject what {@link RxflareModule} provides. */
export interface RxflareModuleScope {
  /** Whether that is every module of the application, or only those that import it. Default: false. */
  readonly isGlobal?: boolean;
}

/** How {@link RxflareModule.forRootAsync} gets its options: from other providers, and later. */
export interface RxflareModuleAsyncOptions extends RxflareModuleScope {
  /** The modules of what is injected. Default: none. */
  readonly imports?: ModuleMetadata['imports'];
  /** What `useFactory` takes, in this order. Default: nothing. */
  readonly inject?: FactoryProvider['inject'];
  /** Makes the options, or promises them. */
  readonly useFactory: FactoryProvider<RxflareModuleOptions>['useFactory'];
}

/** The token of the options among the providers. */
export const RXFLARE_OPTIONS = Symbol('rxflare: options of the module');
