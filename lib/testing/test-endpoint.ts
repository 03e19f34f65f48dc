import { Endpoint, type EndpointProperties, EndpointState } from '../endpoint.js';

/** What {@link testEndpoint} can be told. */
export interface TestEndpointParts {
  /** `READY` unless told. */
  readonly state?: EndpointState;
  /** What the handshake brought; none unless told. */
  readonly properties?: EndpointProperties;
  /** Of its connection; unless told, addresses that mean nothing. */
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
