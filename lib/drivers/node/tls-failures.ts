import type { Server } from 'node:net';
import type { TLSSocket } from 'node:tls';

import { fromEvent, map, type Observable, takeUntil } from 'rxjs';

import { CommError, CommErrorCode } from '../../comm-error.js';
import type { HandshakeFailure } from '../../transport/driver.js';
import { fromNodeError, systemCode } from './node-errors.js';
import { remoteAddress } from './socket-properties.js';

const BROKEN_OFF = 'the peer closed the connection; perhaps it does not trust our certificate';
const OTHER_CA = "the peer's certificate comes from another CA";

/** Why Node rejects the certificate of a peer, by its code. */
const REJECTED: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "the peer's certificate has expired",
  CERT_NOT_YET_VALID: "the peer's certificate is not valid yet",
  DEPTH_ZERO_SELF_SIGNED_CERT: OTHER_CA,
  SELF_SIGNED_CERT_IN_CHAIN: OTHER_CA,
  UNABLE_TO_GET_ISSUER_CERT: OTHER_CA,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: OTHER_CA,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: OTHER_CA,
  CERT_SIGNATURE_FAILURE: OTHER_CA,
};

/** The internals of a TLS socket of a server that are used here. */
interface Internals {
  /** The socket below, which still knows its address when the TLS socket has forgotten it. */
  readonly _parent?: TLSSocket;
}

/** The TLS handshakes that fail on a server; none without TLS. */
export function tlsFailures(server: Server, url: string): Observable<HandshakeFailure> {
  return (fromEvent(server, 'tlsClientError') as Observable<[Error, TLSSocket]>).pipe(
    map(([error, socket]) => {
      const { _parent: lower = socket } = socket as TLSSocket & Internals;
      const peerAddr = remoteAddress(lower);
      const context = `${url}: a TLS handshake with ${peerAddr} failed`;
      return { peerAddr, error: failureOf(error, socket, context) };
    }),
    takeUntil(fromEvent(server, 'close')),
  );
}

/** When Node rejects a certificate, it closes the socket: the reason is on that, and not in the error. */
function failureOf(error: Error, { authorizationError }: TLSSocket, context: string): CommError {
  const rejected: unknown = authorizationError;
  if (typeof rejected === 'string') {
    const words = REJECTED[rejected] ?? `the peer's certificate is not valid: ${rejected}`;
    return new CommError(CommErrorCode.BAD_CONFIG, `${context}: ${words}`, { cause: error });
  }
  if (systemCode(error) !== 'ECONNRESET') return fromNodeError(error, context);
  return new CommError(CommErrorCode.CLOSED, `${context}: ${BROKEN_OFF}`, { cause: error });
}
