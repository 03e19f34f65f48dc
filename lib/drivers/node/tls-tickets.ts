import { createHash, X509Certificate } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { type PeerCertificate, TLSSocket } from 'node:tls';

import type { ConnectionProperties } from '../../transport/connection.js';
import type { DriverParams } from '../../transport/driver.js';
import type { TlsMaterial } from './tls-material.js';

/** What is told of the certificate of a peer. */
export type CertificateProperties = Pick<ConnectionProperties, 'peer_cn' | 'peer_issuer' | 'peer_valid_to'>;

/** What resumes the session with a server, and what a resumed handshake proves no more. */
interface Ticket {
  readonly session: Buffer;
  readonly peer: CertificateProperties;
  /** Of the certificates and the key that proved it. */
  readonly fingerprint: string;
}

/** One attempt to connect that may resume a session. */
export interface Resumption {
  /** For `tls.connect`. */
  readonly options: { readonly session?: Buffer };
  /** To be called with the socket before its handshake: keeps the ticket that the server gives it. */
  readonly watch: (socket: Duplex) => void;
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Of each connector, the last ticket. */
const tickets = new WeakMap<DriverParams, Ticket>();
/** Who the server of a resumed session is. It shows its certificate in whole handshakes only. */
const servers = new WeakMap<TLSSocket, CertificateProperties>();

/**
 * Resumes the TLS session of a connector where it can, which saves both sides the signatures of a handshake. After an
 * attempt that fails comes a whole handshake. A ticket is not used when either certificate has expired or one of the
 * files has changed. TLS 1.3 only.
 */
export function resumeTls(params: DriverParams, material: TlsMaterial): Resumption {
  const fingerprint = fingerprintOf(material);
  const ticket = tickets.get(params);
  tickets.delete(params);
  const isGood = ticket?.fingerprint === fingerprint && isValid(ticket.peer) && areOwnValid(material);
  const watch = (socket: Duplex): void => {
    if (!(socket instanceof TLSSocket)) return;
    socket.once('secureConnect', () => {
      if (isGood && socket.isSessionReused()) {
        servers.set(socket, ticket.peer);
        // A server need not give another ticket, and Node's does not: this one is good as long as the server says.
        tickets.set(params, ticket);
      }
      socket.on('session', (session: Buffer) => {
        tickets.set(params, { session, peer: certificateProperties(socket), fingerprint });
      });
    });
  };
  return { options: isGood ? { session: ticket.session } : {}, watch };
}

/** Whether a client has resumed a session though its certificate has expired since, which only a whole handshake would tell. */
export function outlivesCertificate(socket: TLSSocket): boolean {
  return socket.isSessionReused() && !isValid(certificateProperties(socket));
}

/** What is told of the peer's certificate; nothing where it does not have one common name. */
export function certificateProperties(socket: TLSSocket): CertificateProperties {
  const server = servers.get(socket);
  if (server !== undefined) return server;
  // Without one it is empty, or null under Deno.
  const certificate = socket.getPeerCertificate() as Partial<PeerCertificate> | null;
  const { subject, issuer, valid_to } = certificate ?? {};
  const [peerName, issuerName] = [commonName(subject), commonName(issuer)];
  const validTo = Date.parse(valid_to ?? '');
  if (peerName === undefined) return {};
  return {
    peer_cn: peerName,
    ...(issuerName === undefined ? {} : { peer_issuer: issuerName }),
    ...(Number.isNaN(validTo) ? {} : { peer_valid_to: new Date(validTo).toISOString() }),
  };
}

/** The one common name of a subject. Several names, which Node gives as an array, prove none of them. */
function commonName(subject: PeerCertificate['subject'] | undefined): string | undefined {
  const name: unknown = subject?.CN;
  return typeof name === 'string' && name !== '' ? name : undefined;
}

function isValid({ peer_valid_to: validTo }: CertificateProperties): boolean {
  return validTo !== undefined && Date.parse(validTo) > Date.now();
}

/** Of all certificates in our files: our own, the CA's, and those between. */
function areOwnValid({ ca, cert }: TlsMaterial): boolean {
  const pems = [ca, cert].flatMap((file) => file?.toString().match(PEM) ?? []);
  return pems.every((pem) => Date.parse(new X509Certificate(pem).validTo) > Date.now());
}

function fingerprintOf({ ca, cert, key }: TlsMaterial): string {
  const hash = createHash('sha256');
  for (const pem of [ca, cert, key]) hash.update(`${pem?.length ?? 0} `).update(pem ?? '');
  return hash.digest('hex');
}
