/**
 * A communicator as a module of Nest, on the HTTP server of the application. For Node.
 *
 * @module rxflare/nest
 */

export { RxflareHealth, type RxflareHealthOptions, type RxflareHealthResult } from './rxflare-health.js';
export { RxflareModule } from './rxflare-module.js';
export type {
  RxflareModuleAsyncOptions,
  RxflareModuleOptions,
  RxflareModuleScope,
} from './module-options.js';
