import type { Observable } from 'rxjs';

import type { Endpoint } from './endpoint.js';
import type { ConnectionProperties } from './transport/connection.js';
import type { Mode } from './transport/driver.js';
import type { HandshakeRequest } from './transport/handshake-requests.js';

/** A peer that asks to join, as it presents itself. Nothing of it is proven except `peer_cn` under mtls. */
export interface EndpointCandidate {
  /** Its name and properties, in state `IDLE`. */
  readonly endpoint: Endpoint;
  /** Addresses, `peer_cn` and `tls` of its connection. */
  readonly connection: ConnectionProperties;
  /** Scheme of the connector's URL, such as `tcp`. */
  readonly scheme: string;
  /** Mode of our connector: `PASSIVE` for a listener. */
  readonly mode: Mode;
  /** How its connection began, where we listen for WebSockets or gRPC; absent on other transports. */
  readonly request?: HandshakeRequest;
}

/**
 * True admits the peer. False refuses it; a text refuses it and is the reason, for our side only. What the peer may know is
 * in `tellPeer`: one line, cut at 123 bytes of UTF-8.
 */
export type Verdict = boolean | string | { readonly reason?: string; readonly tellPeer: string };

/**
 * Decides who may join, after the checks of the protocol: at once, or later by a promise or the first value of an
 * Observable. The decision is part of the handshake, so `handshakeTimeoutMs` limits it. When that time is over, or
 * the peer disconnects, an Observable is unsubscribed. Anything but true refuses. What it throws lets nobody in either, and
 * is reported as `callback-error` on `lifecycle$`; the peer is not told that it is refused, and tries again.
 */
export type VerifyEndpoint = (
  candidate: EndpointCandidate,
) => Verdict | PromiseLike<Verdict> | Observable<Verdict>;
