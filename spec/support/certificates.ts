import 'reflect-metadata';

import { webcrypto } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

/** Paths of the PEM files of one certificate and its private key. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

/** Paths of the PEM files that {@link testCertificates} makes. */
export interface TestCertificates {
  /** The root that signed all but `stranger`. */
  readonly ca: string;
  readonly hub: CertificatePair;
  readonly site1: CertificatePair;
  readonly site2: CertificatePair;
  /** A root that nobody trusts. */
  readonly strangerCa: string;
  /** A certificate for `hub`, signed by {@link TestCertificates.strangerCa}. */
  readonly stranger: CertificatePair;
  /** A certificate for `site-1` that was valid until yesterday. */
  readonly expired: CertificatePair;
  /** A certificate that has an organization and no common name. */
  readonly nameless: CertificatePair;
  /** A certificate with two common names, `hub` and `site-2`. */
  readonly twoNames: CertificatePair;
}

type CryptoKeyPair = webcrypto.CryptoKeyPair;

interface Authority {
  readonly name: string;
  readonly keys: CryptoKeyPair;
  readonly pem: string;
}

interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

const EC_P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 24 * 60 * 60 * 1000;
const CURRENT: Validity = { notBefore: daysFromNow(-1), notAfter: daysFromNow(30) };
const PAST: Validity = { notBefore: daysFromNow(-30), notAfter: daysFromNow(-1) };

let certificates: Promise<TestCertificates> | undefined;

/** Makes the certificates of the tests, once per process; the files vanish when the process exits. */
export function testCertificates(): Promise<TestCertificates> {
  return (certificates ??= makeCertificates());
}

async function makeCertificates(): Promise<TestCertificates> {
  const directory = await mkdtemp(join(tmpdir(), 'rxflare-certificates-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  // Vitest ends its workers by this signal, which would skip the line above.
  process.once('SIGTERM', () => process.exit());

  const file = async (name: string, pem: string): Promise<string> => {
    const path = join(directory, name);
    await writeFile(path, pem, { mode: 0o600 });
    return path;
  };
  const pair = async (
    base: string,
    issuer: Authority,
    subject: string,
    validity = CURRENT,
  ): Promise<CertificatePair> => {
    const leaf = await issue(issuer, subject, validity);
    return { cert: await file(`${base}.crt`, leaf.cert), key: await file(`${base}.key`, leaf.key) };
  };

  const root = await makeAuthority('rxflare test root');
  const strangerRoot = await makeAuthority('rxflare stranger root');
  return {
    ca: await file('ca.crt', root.pem),
    hub: await pair('hub', root, 'CN=hub'),
    site1: await pair('site-1', root, 'CN=site-1'),
    site2: await pair('site-2', root, 'CN=site-2'),
    strangerCa: await file('stranger-ca.crt', strangerRoot.pem),
    stranger: await pair('stranger', strangerRoot, 'CN=hub'),
    expired: await pair('expired', root, 'CN=site-1', PAST),
    nameless: await pair('nameless', root, 'O=Nobody'),
    twoNames: await pair('two-names', root, 'CN=hub,CN=site-2'),
  };
}

async function makeAuthority(commonName: string): Promise<Authority> {
  const keys = await makeKeys();
  const name = `CN=${commonName}`;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name,
    keys,
    signingAlgorithm: EC_P256,
    // Valid before any leaf, the expired one included.
    notBefore: PAST.notBefore,
    notAfter: CURRENT.notAfter,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { name, keys, pem: certificate.toString('pem') };
}

/** The PEM of a leaf for both ends of a connection, with the key identifiers that strict verifiers want. */
async function issue(
  issuer: Authority,
  subject: string,
  validity: Validity,
): Promise<{ cert: string; key: string }> {
  const keys = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer: issuer.name,
    publicKey: keys.publicKey,
    signingKey: issuer.keys.privateKey,
    signingAlgorithm: EC_P256,
    ...validity,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
      ]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.keys.publicKey),
    ],
  });
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    cert: certificate.toString('pem'),
    key: x509.PemConverter.encode(key, x509.PemConverter.PrivateKeyTag),
  };
}

function makeKeys(): Promise<CryptoKeyPair> {
  return webcrypto.subtle.generateKey(EC_P256, true, ['sign', 'verify']);
}

function daysFromNow(days: number): Date {
  return new Date(Date.now() + days * DAY_MS);
}
