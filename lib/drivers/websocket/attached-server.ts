import { Server as HttpServer } from 'node:http';
import type { Http2SecureServer } from 'node:http2';
import { Server as HttpsServer } from 'node:https';
import { Server as TlsServer } from 'node:tls';

import { CommError, CommErrorCode } from '../../comm-error.js';
import { ConnectionSecurity, type DriverParams } from '../../transport/driver.js';
import { describeParams, isMutualTls, needsTls, parseUrl } from '../../transport/url.js';
import { DEFAULT_PATH } from './websocket-url.js';

/**
 * A server that takes WebSocket upgrades: of `node:http`, of `node:https`, or of `createSecureServer` of `node:http2`
 * with `allowHTTP1: true`.
 */
export type AttachableServer = HttpServer | HttpsServer | Http2SecureServer;

/**
 * Checks that something is such a server.
 *
 * @throws CommError `BAD_CONFIG` where it is not, `NOT_SUPPORTED` for an `https.Server` under Bun
 */
export function requireServer(server: unknown): AttachableServer {
  if (server instanceof HttpsServer && !(server instanceof TlsServer)) {
    const detail =
      'an https.Server of Bun shows no certificates of its clients; listen at an https URL instead';
    throw new CommError(CommErrorCode.NOT_SUPPORTED, `server: ${detail}`);
  }
  if (server instanceof HttpServer || server instanceof HttpsServer) return server;
  if (server instanceof TlsServer && speaksHttp1(server)) return server as Http2SecureServer;
  const expected =
    'an http.Server, an https.Server, or one of http2.createSecureServer with allowHTTP1: true, that exists already';
  throw new CommError(CommErrorCode.BAD_CONFIG, `server: expected ${expected}; got ${describe(server)}`);
}

/**
 * The parameters of a listener whose security is that of the server: names are bound to certificates where the server asks
 * clients for theirs.
 *
 * @throws CommError `BAD_CONFIG` where it is no such server, or the path is not valid
 */
export function attachedParams(server: AttachableServer, path: string = DEFAULT_PATH): DriverParams {
  requireServer(server);
  if (!/^\/[^?#\s]+$/.test(path)) {
    const detail = `path: expected one such as ${DEFAULT_PATH}, got ${JSON.stringify(path)}`;
    throw new CommError(CommErrorCode.BAD_CONFIG, `attach: ${detail}`);
  }
  const security = asksForCertificates(server) === true ? ConnectionSecurity.MTLS : ConnectionSecurity.TLS;
  return server instanceof TlsServer
    ? { ...parseUrl(`https://0${path}`), connection_security: security }
    : { ...parseUrl(`http://0${path}`), connection_security: ConnectionSecurity.CLEAR };
}

/**
 * Checks that a server has the security that the parameters of its listener ask for.
 *
 * @throws CommError `BAD_CONFIG` where it has not
 */
export function requireSecurity(server: AttachableServer, params: DriverParams): void {
  if (needsTls(params) && !(server instanceof TlsServer))
    throw unfit(params, 'TLS is asked for, but the server that was given has none: give an https.Server');
  if (isMutualTls(params) && asksForCertificates(server) === false) {
    const detail =
      'mtls is asked for, but the server that was given requests no certificates, so nobody could join: ' +
      'create it with requestCert: true, or use attach, which takes the security of the server';
    throw unfit(params, detail);
  }
}

function unfit(params: DriverParams, detail: string): CommError {
  return new CommError(CommErrorCode.BAD_CONFIG, `${describeParams(params)}: ${detail}`);
}

/** Whether a TLS server requests the certificates of clients; `undefined` where the runtime does not show it. */
function asksForCertificates(server: object): boolean | undefined {
  return 'requestCert' in server && typeof server.requestCert === 'boolean' ? server.requestCert : undefined;
}

/** Node keeps the protocols as they are on the wire: each behind its length. */
function speaksHttp1(server: object): boolean {
  return (
    'ALPNProtocols' in server &&
    server.ALPNProtocols instanceof Uint8Array &&
    Buffer.from(server.ALPNProtocols).includes('http/1.1')
  );
}

function describe(given: unknown): string {
  if (typeof given !== 'object' || given === null) return typeof given;
  // An object of Object.create(null) has none.
  const { constructor } = given as { readonly constructor?: unknown };
  return typeof constructor === 'function' ? constructor.name : 'an object';
}
