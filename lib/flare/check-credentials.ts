import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { statSync } from 'node:fs';

import { CommError, CommErrorCode, messageOf } from '../comm-error.js';
import { resolveIdentity } from '../sfm/identity.js';
import { readSmallFile } from './read-small-file.js';

/** Certificates of one side of a connection. */
export interface Credentials {
  /** Paths of PEM files. */
  readonly caCert?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** The endpoint name that is presented with the certificate. Default: any fits. */
  readonly name?: string | undefined;
}

/** A longer chain is none of a site or server, and would take long to check. */
export const MAX_CHAIN = 20;
/** Of CAs with one name and key no more are tried. */
const MAX_SAME = 20;

const DAY_MS = 24 * 60 * 60 * 1000;

/** A certificate that ends sooner is worth a warning. */
const SOON_DAYS = 30;

/** Bits of a file mode: for the group, or for all. */
const OTHERS_READ = 0o044;
const OTHERS_WRITE = 0o022;

/**
 * Checks without a network what can be known of certificates: that files are there and are PEM, that the key fits the
 * certificate, and then dates, CA, name, and who may read the key.
 *
 * @param now - in milliseconds. Default: the time
 * @returns what will most likely fail, or is unsafe, one sentence each
 * @throws CommError `BAD_CONFIG` for what cannot work at all
 */
export function checkCredentials({ caCert, cert, key, name }: Credentials, now = Date.now()): string[] {
  const cas = caCert === undefined ? undefined : readCertificates(caCert);
  const [own, ...chain] = cert === undefined ? [] : readCertificates(cert);
  if (chain.length >= MAX_CHAIN) throw broken(`${cert ?? ''} has more than ${MAX_CHAIN} certificates`);
  const privateKey = key === undefined ? undefined : readKey(key);
  if (own !== undefined && privateKey !== undefined && !own.checkPrivateKey(privateKey))
    throw broken(`the key ${key ?? ''} does not fit the certificate ${cert ?? ''}`);
  return [
    ...(cas ?? []).flatMap((each) => datesOf(each, `the CA certificate ${caCert ?? ''}`, now)),
    ...(own === undefined ? [] : datesOf(own, `the certificate ${cert ?? ''}`, now)),
    ...(own === undefined || cas === undefined || isSignedBy(own, chain, cas)
      ? []
      : [`the certificate ${cert ?? ''} is not signed by ${caCert ?? ''}`]),
    ...(own === undefined || name === undefined ? [] : nameOf(own, name)),
    ...(key === undefined ? [] : readersOf(key)),
  ];
}

function datesOf({ validFrom, validTo }: X509Certificate, what: string, now: number): string[] {
  const from = Date.parse(validFrom);
  const to = Date.parse(validTo);
  if (now < from) return [`${what} is not valid before ${dayOf(from)}: check the clock of this machine`];
  if (now > to) return [`${what} expired on ${dayOf(to)}`];
  return to - now < SOON_DAYS * DAY_MS ? [`${what} expires on ${dayOf(to)}`] : [];
}

/** Whether a chain, all of CAs, leads from the certificate to one of the CAs that are trusted. */
export function isSignedBy(
  own: X509Certificate,
  chain: readonly X509Certificate[],
  cas: readonly X509Certificate[],
): boolean {
  const named = cas.filter((ca) => own.checkIssued(ca)).slice(0, MAX_SAME);
  if (named.some((ca) => own.verify(ca.publicKey))) return true;
  const next = chain.find((each) => isIssuer(own, each));
  return (
    next !== undefined &&
    isSignedBy(
      next,
      chain.filter((each) => each !== next),
      cas,
    )
  );
}

function isIssuer(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function nameOf(own: X509Certificate, name: string): string[] {
  const commonName = commonNameOf(own);
  const expected = resolveIdentity(name, '', {});
  if (commonName === expected) return [];
  const found = commonName === undefined ? 'has no common name' : `is for ${commonName}`;
  return [`the endpoint name ${name} needs a certificate for ${expected}, and this one ${found}`];
}

/** The common name of a certificate; `undefined` where it has none, or several. */
export function commonNameOf({ subject }: X509Certificate): string | undefined {
  const [first, ...more] = subject.split('\n').filter((line) => line.startsWith('CN='));
  return more.length === 0 ? first?.slice('CN='.length) : undefined;
}

function readersOf(key: string): string[] {
  if (process.platform === 'win32') return [];
  const { mode } = statSync(key);
  const rights = [
    ...((mode & OTHERS_READ) === 0 ? [] : ['read']),
    ...((mode & OTHERS_WRITE) === 0 ? [] : ['change']),
  ];
  return rights.length === 0
    ? []
    : [`other users can ${rights.join(' and ')} the key ${key}: chmod 600 ends that`];
}

/**
 * All certificates of a PEM file, at least one; its own first.
 *
 * @throws CommError `BAD_CONFIG` where there is none, or one that cannot be read
 */
export function readCertificates(path: string): X509Certificate[] {
  return parseCertificates(readSmallFile(path, 'latin1'), path);
}

/**
 * All certificates of a PEM text, at least one; its own first.
 *
 * @param what - where it comes from, for the error
 * @param max - how many there may be; none is parsed where there are more. Default: any number
 * @throws CommError `BAD_CONFIG`
 */
export function parseCertificates(
  pem: string,
  what: string,
  max = Number.POSITIVE_INFINITY,
): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw broken(`${what} has no certificate in PEM`);
  if (blocks.length > max) throw broken(`${what} has more than ${max} certificates`);
  return blocks.map((block) => parsed(what, 'certificate', () => new X509Certificate(block)));
}

/**
 * The private key of a PEM file.
 *
 * @throws CommError `BAD_CONFIG` where there is none, or one that cannot be read
 */
export function readKey(path: string): KeyObject {
  const pem = readSmallFile(path, 'latin1');
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) throw broken(`${path} has no private key in PEM`);
  return parsed(path, 'private key', () => createPrivateKey(pem));
}

function parsed<T>(path: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new CommError(
      CommErrorCode.BAD_CONFIG,
      `${path} has a ${what} that cannot be read: ${plain(error)}`,
      {
        cause: error,
      },
    );
  }
}

/** OpenSSL's own words, without what it prints around them. */
function plain(error: unknown): string {
  return error instanceof Error && 'reason' in error ? String(error.reason) : messageOf(error);
}

function broken(text: string): CommError {
  return new CommError(CommErrorCode.BAD_CONFIG, text);
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
