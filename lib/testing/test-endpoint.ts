import { Endpoint, type EndpointProperties, EndpointState } from '../endpoint.js';

/** What {@link testEndpoint} takes. */
export interface TestEndpointParts {
  /** Default: `READY`. */
  readonly state?: EndpointState;
  /** What the handshake brought. Default: none. */
  readonly properties?: EndpointProperties;
  /** Of its connection. Default: addresses that mean nothing. */
  readonly connProps?: Readonly<Record<string, unknown>>;
}

/**
 * A remote endpoint as `endpoints$` would hold it, for code that takes an `Endpoint`.
 *
 * @example
 * ```ts
 * const gone = testEndpoint('site-2', { state: EndpointState.DISCONNECTED, properties: { gpus: 4 } });
 * ```
 * @throws CommError `BAD_CONFIG` where the name or a property breaks the rules
 */
export function testEndpoint(name = 'site-1', parts: TestEndpointParts = {}): Endpoint {
  const {
    state = EndpointState.READY,
    properties = {},
    connProps = { local_addr: 'virtual', peer_addr: name },
  } = parts;
  return new Endpoint(name, properties, connProps, state);
}
