import { CommError, CommErrorCode } from './comm-error.js';
import type { HeaderValue } from './message.js';
import { quoted } from './quoted.js';

/**
 * The states of an endpoint, as NVFlare names them.
 *
 * - `READY`: a remote endpoint from its handshake on, and again when it comes back
 * - `CLOSING`: a remote endpoint while our side closes its connection in good order (`stop`, `removeConnector`,
 *   `removeEndpoint`); it takes no more messages
 * - `DISCONNECTED`: a remote endpoint whose connection has ended
 * - `IDLE`: the local endpoint, for ever, and a candidate that `verifyEndpoint` is asked about
 * - `ERROR`: never set by rxflare; NVFlare has it
 */
export const EndpointState = {
  IDLE: 'IDLE',
  READY: 'READY',
  CLOSING: 'CLOSING',
  DISCONNECTED: 'DISCONNECTED',
  ERROR: 'ERROR',
} as const;

/** One of the states of {@link EndpointState}. */
export type EndpointState = (typeof EndpointState)[keyof typeof EndpointState];

/** Public properties of an endpoint, exchanged in the handshake. */
export type EndpointProperties = Readonly<Record<string, HeaderValue | undefined>>;

/** Keys of the handshake that the protocol uses itself. They cannot be properties. */
const RESERVED = ['endpoint_name', 'timestamp'];

/**
 * A named party: the local one, or a remote one that has connected.
 *
 * Endpoints are immutable. A change of state makes a new object under the same name, so `distinctUntilChanged` and
 * Angular's change detection can compare references.
 */
export class Endpoint {
  readonly name: string;
  /** Public properties, exchanged in the handshake. */
  readonly properties: EndpointProperties;
  /**
   * On the local endpoint: parameters for all its connectors, such as certificates. On a remote one: the
   * properties of its connection (`local_addr`, `peer_addr`, `peer_cn`, `tls`).
   */
  readonly connProps: Readonly<Record<string, unknown>>;
  readonly state: EndpointState;

  /**
   * @param name - an FQCN: parts of `A-Z a-z 0-9 _ ~ -` joined by `.`, no part twice; surrounding blanks are cut
   * @param properties - public: every peer learns them in the handshake
   * @param connProps - see {@link Endpoint.connProps}
   * @param state - Default: `IDLE`
   * @throws CommError `BAD_CONFIG` for a name that breaks these rules, or a property `endpoint_name` or `timestamp`
   */
  constructor(
    name: string,
    properties: EndpointProperties = {},
    connProps: Readonly<Record<string, unknown>> = {},
    state: EndpointState = EndpointState.IDLE,
  ) {
    this.name = name.trim();
    const fault = endpointNameFault(this.name);
    if (fault !== undefined) {
      throw new CommError(CommErrorCode.BAD_CONFIG, `endpoint name ${quoted(name)}: ${fault}`);
    }
    for (const key of RESERVED) {
      if (Object.hasOwn(properties, key)) {
        throw new CommError(
          CommErrorCode.BAD_CONFIG,
          `endpoint ${name}: property ${key} belongs to the protocol`,
        );
      }
    }
    this.properties = properties;
    this.connProps = connProps;
    this.state = state;
  }

  /** The same endpoint in another state. */
  withState(state: EndpointState): Endpoint {
    return new Endpoint(this.name, this.properties, this.connProps, state);
  }
}

/**
 * The longest endpoint name, in characters: names stand in events, reports and logs, and identities are looked up by
 * each of their parts.
 */
export const MAX_NAME_LENGTH = 1_024;

/**
 * What is wrong with a trimmed endpoint name, or `undefined` for a good one.
 * The rules are NVFlare's for FQCNs (`nvflare.fuel.f3.cellnet.fqcn`).
 */
export function endpointNameFault(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (name.length > MAX_NAME_LENGTH) return `it has more than ${MAX_NAME_LENGTH} characters`;
  const parts = name.split('.');
  for (const part of parts) {
    if (part === '') return 'it has an empty part';
    if (!/^[A-Za-z0-9_~-]+$/.test(part))
      return `part ${quoted(part)} has a character outside A-Z a-z 0-9 _ ~ -`;
  }
  if (new Set(parts).size < parts.length) return 'it has a part twice';
  return undefined;
}

/** Whether an endpoint is known and can take messages. */
export function isReady(endpoint: Endpoint | undefined): endpoint is Endpoint {
  return endpoint?.state === EndpointState.READY;
}

/** An object that is notified of every change of state of every remote endpoint. */
export interface EndpointMonitor {
  /** Called once per change, with the endpoint in its new state. What it throws is a `callback-error`. */
  stateChange(endpoint: Endpoint): unknown;
}
