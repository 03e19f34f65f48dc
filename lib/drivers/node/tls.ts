import { readFileSync } from 'node:fs';
import { createSecureContext, type TLSSocket } from 'node:tls';

import { CommError, CommErrorCode, messageOf } from '../../comm-error.js';
import type { ConnectionProperties } from '../../transport/connection.js';
import { ConnectionSecurity, type DriverParams, type Pem } from '../../transport/driver.js';
import { describeParams, needsTls } from '../../transport/url.js';
import { opensslFailure } from './openssl-reason.js';
import type { TlsMaterial } from './tls-material.js';
import { certificateProperties, outlivesCertificate } from './tls-tickets.js';

/**
 * The TLS options of a listener; `undefined` without TLS. Files are read at each call, so that a renewed certificate
 * is used from the next start on.
 *
 * @throws CommError `BAD_CONFIG` if a certificate or key is missing or unreadable
 */
export function serverTls(params: DriverParams): TlsMaterial | undefined {
  const security = securityOf(params);
  if (security === ConnectionSecurity.CLEAR) return undefined;
  const mutual = security === ConnectionSecurity.MTLS;
  const material: TlsMaterial = {
    ...(mutual ? { ca: readPem(params, 'ca_cert') } : {}),
    ...readPair(params, 'server', 'client'),
    requestCert: mutual,
    rejectUnauthorized: mutual,
    minVersion: 'TLSv1.2',
  };
  return checked(material, params);
}

/** The TLS options of a side that connects. As {@link serverTls}. */
export function clientTls(params: DriverParams): TlsMaterial | undefined {
  const security = securityOf(params);
  if (security === ConnectionSecurity.CLEAR) return undefined;
  const mutual = security === ConnectionSecurity.MTLS;
  const material: TlsMaterial = {
    ca: readPem(params, !mutual && params.custom_ca_cert !== undefined ? 'custom_ca_cert' : 'ca_cert'),
    ...(mutual ? readPair(params, 'client', 'server') : {}),
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
  };
  return checked(material, params);
}

/** What TLS adds to the properties of a connection. A certificate that was not verified, or has expired, shows no name. */
export function tlsProperties(socket: TLSSocket): Partial<ConnectionProperties> {
  const tls = socket.getProtocol();
  const isProven = socket.authorized && !outlivesCertificate(socket);
  return { ...(tls === null ? {} : { tls }), ...(isProven ? certificateProperties(socket) : {}) };
}

function securityOf(params: DriverParams): ConnectionSecurity {
  if (!needsTls(params)) return ConnectionSecurity.CLEAR;
  const { connection_security: security = ConnectionSecurity.MTLS } = params;
  if (security === ConnectionSecurity.TLS || security === ConnectionSecurity.MTLS) return security;
  const detail = `a secure connection needs connection_security tls or mtls, got ${JSON.stringify(security)}`;
  throw new CommError(CommErrorCode.BAD_CONFIG, `${describeParams(params)}: ${detail}`);
}

type Role = 'server' | 'client';

/** The certificate and key of the own role, or the other role's pair if only that one is complete. */
function readPair(params: DriverParams, own: Role, other: Role): { cert: Buffer; key: Buffer } {
  const hasOwn = params[`${own}_cert`] !== undefined || params[`${own}_key`] !== undefined;
  const hasOther = params[`${other}_cert`] !== undefined && params[`${other}_key`] !== undefined;
  const role = !hasOwn && hasOther ? other : own;
  return { cert: readPem(params, `${role}_cert`), key: readPem(params, `${role}_key`) };
}

type PemName = 'ca_cert' | 'custom_ca_cert' | `${Role}_cert` | `${Role}_key`;

function readPem(params: DriverParams, name: PemName): Buffer {
  const pem: Pem | undefined = params[name];
  if (pem === undefined) {
    throw new CommError(
      CommErrorCode.BAD_CONFIG,
      `${describeParams(params)}: TLS needs ${name}, a PEM file or its content`,
    );
  }
  if (typeof pem !== 'string') return Buffer.from(pem);
  if (pem.includes('-----BEGIN')) return Buffer.from(pem);
  // A key that lost its first line is no path, and must not be in a message.
  if (pem.includes('\n')) {
    const text = `${describeParams(params)}: ${name} is neither a PEM file nor its content`;
    throw new CommError(CommErrorCode.BAD_CONFIG, text);
  }
  try {
    return readFileSync(pem);
  } catch (error) {
    throw CommError.from(
      error,
      `${describeParams(params)}: ${name} cannot be read`,
      CommErrorCode.BAD_CONFIG,
    );
  }
}

/** Checks the material with OpenSSL now, so that a wrong file is reported as such and not as a failed handshake. */
function checked(material: TlsMaterial, params: DriverParams): TlsMaterial {
  try {
    createSecureContext(material);
  } catch (error) {
    const words = error instanceof Error ? opensslFailure(error)?.words : undefined;
    const text = `${describeParams(params)}: certificate or key is not usable`;
    throw new CommError(CommErrorCode.BAD_CONFIG, `${text}: ${words ?? messageOf(error)}`, { cause: error });
  }
  return material;
}
