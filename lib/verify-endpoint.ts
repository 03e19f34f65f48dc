import type { Observable } from 'rxjs';

import type { Endpoint } from './endpoint.js';
import type { ConnectionProperties } from './transport/connection.js';
import type { Mode } from './transport/driver.js';

/** A peer that wants to come in, as it presents itself. Nothing of it is proven, save `peer_cn` under mtls. */
export interface EndpointCandidate {
  /** Its name and properties, IDLE. */
  readonly endpoint: Endpoint;
  /** Addresses, `peer_cn` and `tls`. */
  readonly connection: ConnectionProperties;
  /** Of the connector's URL: `tcp`. */
  readonly scheme: string;
  /** Ours: a listener is passive. */
  readonly mode: Mode;
}

/** True lets the peer in. False refuses it, and so does a text, which is the reason. */
export type Verdict = boolean | string;

/**
 * Decides who may join, after the checks of the protocol: at once, or later by a promise or the first value of an
 * Observable. It counts as part of the handshake: `handshakeTimeoutMs` ends it, and then, or when the peer goes,
 * an Observable is unsubscribed. Anything but true refuses, also what it throws; that is told as `callback-error`.
 */
export type VerifyEndpoint = (
  candidate: EndpointCandidate,
) => Verdict | PromiseLike<Verdict> | Observable<Verdict>;
