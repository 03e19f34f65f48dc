import 'reflect-metadata';

import { webcrypto } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import * as x509 from '@peculiar/x509';
import { onTestFinished } from 'vitest';

/** A certificate with its key, as PEM. */
export interface Pem {
  readonly cert: string;
  readonly key: string;
}

/** What `nvflare provision` makes for a project whose server is `flare.example.com`. */
export interface FlareProject {
  readonly ca: string;
  readonly server: Pem;
  readonly user: Pem;
  /** Of the user, and out of date since yesterday. */
  readonly expired: Pem;
  /** Has the name of the server, and is of another project. */
  readonly stranger: Pem;
  /** Has the name of the server, and was issued by a site, whose certificate is in the chain. */
  readonly forged: Pem;
  /** Has the name of the server, and may be used by clients alone. */
  readonly notServer: Pem;
}

export const SERVER_NAME = 'flare.example.com';
export const USER = 'admin@nvidia.com';

const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  // They prove nothing, and long ones take long to make.
  modulusLength: 1024,
  publicExponent: new Uint8Array([1, 0, 1]),
};
const DAY_MS = 24 * 60 * 60 * 1000;
const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;

interface Issuer extends Pem {
  readonly name: string;
  readonly keys: webcrypto.CryptoKeyPair;
}

interface Leaf {
  readonly cn: string;
  readonly lastDay?: number;
  readonly usage?: readonly string[];
}

let project: Promise<FlareProject> | undefined;

/** Made once per process. */
export function flareProject(): Promise<FlareProject> {
  return (project ??= makeProject());
}

async function makeProject(): Promise<FlareProject> {
  const root = await makeRoot('rxflare');
  const other = await makeRoot('other');
  const site = await issue(root, { cn: 'site-1' });
  const forged = await issue(site, { cn: SERVER_NAME });
  return {
    ca: root.cert,
    server: await issue(root, { cn: SERVER_NAME }),
    user: await issue(root, { cn: USER }),
    expired: await issue(root, { cn: USER, lastDay: -1 }),
    stranger: await issue(other, { cn: SERVER_NAME }),
    forged: { cert: `${forged.cert}\n${site.cert}`, key: forged.key },
    notServer: await issue(root, { cn: SERVER_NAME, usage: [clientAuth] }),
  };
}

async function makeRoot(cn: string): Promise<Issuer> {
  const keys = await webcrypto.subtle.generateKey(RSA, true, ['sign', 'verify']);
  const name = `CN=${cn}`;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name,
    keys,
    signingAlgorithm: RSA,
    notBefore: daysFromNow(-60),
    notAfter: daysFromNow(60),
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  return { name, keys, cert: certificate.toString('pem'), key: await keyOf(keys) };
}

async function issue(
  issuer: Issuer,
  { cn, lastDay = 40, usage = [serverAuth, clientAuth] }: Leaf,
): Promise<Issuer> {
  const keys = await webcrypto.subtle.generateKey(RSA, true, ['sign', 'verify']);
  const name = `CN=${cn}`;
  const certificate = await x509.X509CertificateGenerator.create({
    subject: name,
    issuer: issuer.name,
    publicKey: keys.publicKey,
    signingKey: issuer.keys.privateKey,
    signingAlgorithm: RSA,
    notBefore: daysFromNow(-50),
    notAfter: daysFromNow(lastDay),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.ExtendedKeyUsageExtension([...usage]),
    ],
  });
  return { name, keys, cert: certificate.toString('pem'), key: await keyOf(keys) };
}

async function keyOf({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  const key = await webcrypto.subtle.exportKey('pkcs8', privateKey);
  return x509.PemConverter.encode(key, x509.PemConverter.PrivateKeyTag);
}

function daysFromNow(days: number): Date {
  return new Date(Date.now() + days * DAY_MS);
}

/** The folder of a user's kit for a server that listens in the clear, which is removed after the test. */
export async function userKit(
  port: number,
  { admin = {}, pair, ca }: { readonly admin?: object; readonly pair?: Pem; readonly ca?: string } = {},
): Promise<string> {
  const made = await flareProject();
  const directory = mkdtempSync(join(tmpdir(), 'rxflare-kit-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const startup = join(directory, 'startup');
  mkdirSync(startup);
  const { cert, key } = pair ?? made.user;
  writeFileSync(join(startup, 'rootCA.pem'), ca ?? made.ca);
  writeFileSync(join(startup, 'client.crt'), cert);
  writeFileSync(join(startup, 'client.key'), key, { mode: 0o600 });
  const json = {
    project_name: 'rxflare',
    username: USER,
    server_identity: SERVER_NAME,
    scheme: 'tcp',
    host: '127.0.0.1',
    port,
    connection_security: 'clear',
    uid_source: 'user_input',
    client_key: 'client.key',
    client_cert: 'client.crt',
    ca_cert: 'rootCA.pem',
    ...admin,
  };
  writeFileSync(join(startup, 'fed_admin.json'), JSON.stringify({ format_version: 1, admin: json }));
  return directory;
}
