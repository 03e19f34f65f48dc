import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

import { CommError, CommErrorCode, type CommErrorDetail } from '../../comm-error.js';
import { fromNodeError } from './node-errors.js';

const WORDS = {
  'no-tls': 'the peer closed the connection during the TLS handshake',
  'certificate-unproven': 'the peer demanded our certificate, and closed the connection without a word',
  'certificate-wanted': 'the peer demanded a certificate, got none, and closed the connection',
} satisfies Partial<Record<CommErrorDetail, string>>;

/**
 * Tells an active side why a peer closed a connection under TLS without a word.
 *
 * With TLS 1.3 the handshake of a client is complete before the server has seen its certificate. A server that accepts it
 * sends session tickets; many that do not, those of Node, asyncio and gRPC among them, close without an alert. No proof: a
 * server that refuses our first bytes may close before its tickets are out.
 */
export class TlsWatch {
  #isTls = false;
  #isComplete = false;
  #isDemanded = false;
  #hasCertificate = false;
  #isAccepted = false;

  /** @param socket - before its TLS handshake, or without TLS */
  constructor(socket: Duplex) {
    if (!(socket instanceof TLSSocket)) return;
    this.#isTls = true;
    socket.once('session', () => (this.#isAccepted = true));
    socket.once('secureConnect', () => {
      this.#isComplete = true;
      // A server sends its signature algorithms with the demand for a certificate, and at no other time. Deno does not
      // show them, so that there the refusal stays without this reason.
      this.#isDemanded = 'getSharedSigalgs' in socket && socket.getSharedSigalgs().length > 0;
      this.#hasCertificate = Object.keys(socket.getCertificate() ?? {}).length > 0;
      // Until TLS 1.2 the server has the last word of the handshake.
      if (socket.getProtocol() !== 'TLSv1.3') this.#isAccepted = true;
    });
  }

  /** The error of a connection that the peer closed, or reset, before it sent anything; `undefined` if TLS is not to blame. */
  refusal(context: string): CommError | undefined {
    const detail = this.#detail();
    return detail && new CommError(CommErrorCode.CLOSED, `${context}: ${WORDS[detail]}`, { detail });
  }

  #detail(): keyof typeof WORDS | undefined {
    if (!this.#isTls) return undefined;
    if (!this.#isComplete) return 'no-tls';
    if (!this.#isDemanded || this.#isAccepted) return undefined;
    return this.#hasCertificate ? 'certificate-unproven' : 'certificate-wanted';
  }
}

/** Why an attempt failed: what the error says, or the watch where the peer has only reset or closed the connection. */
export function attemptError(error: Error, watch: TlsWatch | undefined, context: string): CommError {
  const failed = fromNodeError(error, context);
  return failed.code === CommErrorCode.CLOSED ? (watch?.refusal(context) ?? failed) : failed;
}
