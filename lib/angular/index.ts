/**
 * For Angular applications: a communicator that is injected and ends with its injector, and what it sees as signals.
 * For Angular 21 and 22, with and without zone.js. It has no decorators, so it needs no compiler.
 *
 * @module rxflare/angular
 */

export {
  type CommunicatorConfig,
  COMMUNICATOR,
  injectCommunicator,
  injectReconnect,
  provideCommunicator,
} from './communicator.js';
export { injectEndpoint, injectEndpoints } from './endpoints.js';
export { injectLifecycle } from './lifecycle.js';
export { injectLastMessage, injectMessages, type MessagesOptions } from './messages.js';
