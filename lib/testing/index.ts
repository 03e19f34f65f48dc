/**
 * A network of communicators in virtual time, for tests of your own code with marbles.
 *
 * @module rxflare/testing
 */

export type { LinkState } from './virtual-link.js';
export { receivedMessage, type ReceivedMessageParts } from './received-message.js';
export { testEndpoint, type TestEndpointParts } from './test-endpoint.js';
export { VirtualNetwork, type VirtualNetworkOptions } from './virtual-network.js';
