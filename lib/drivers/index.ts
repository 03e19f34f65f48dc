/**
 * The drivers with their options, and what a driver of your own is made of. Bundlers for browsers get those drivers
 * that a page can have: {@link NativeWebSocketDriver} and {@link InProcessDriver}.
 *
 * @module rxflare/drivers
 */

export type { AttachOptions } from '../attach-options.js';
export * from './browser.js';
export { GrpcDriver } from './grpc/grpc-driver.js';
export { SharedFileDriver } from './shared-file/shared-file-driver.js';
export type { SharedFileOptions, SharedFileSettings } from './shared-file/tuning.js';
export { streamConnection } from './tcp/stream-connection.js';
export { TcpDriver } from './tcp/tcp-driver.js';
export type { AttachableServer } from './websocket/attached-server.js';
export type { GenerateMask } from './websocket/mask.js';
export { WebSocketDriver, type WebSocketDriverOptions } from './websocket/websocket-driver.js';
