import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import { checkCredentials } from '../../lib/flare/check-credentials.js';
import { testCertificates } from '../support/certificates.js';

const DAY_MS = 24 * 60 * 60 * 1000;

/** A moment at which nothing is about to expire. */
const NOW = Date.now() - DAY_MS / 2;

const { ca, strangerCa, site1, stranger, expired, nameless } = await testCertificates();

/** A file with this content. */
function file(content: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'rxflare-pem-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'file.pem');
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

/** Without the warning of what expires within 30 days, as certificates of tests do. */
const check = (...args: Parameters<typeof checkCredentials>) =>
  checkCredentials(args[0], args[1] ?? NOW).filter((text) => !text.includes(' expires on '));

describe('checkCredentials', () => {
  it.each(['caCert', 'cert', 'key'])('reads no device as %s', (name) => {
    expect(() => check({ [name]: '/dev/zero' })).toThrow(
      '/dev/zero is a pipe or a device: expected a file of at most 1 MiB',
    );
  });

  it('finds nothing wrong with what fits', () => {
    expect(check({ caCert: ca, ...site1, name: 'site-1.ping-1' })).toEqual([]);
    expect(check({})).toEqual([]);
  });

  it('finds what has expired, is not valid yet, or soon expires', () => {
    expect(check(expired)).toEqual([expect.stringMatching(/expired\.crt expired on \d{4}-\d\d-\d\d$/)]);
    const yesterday = [expect.stringMatching(/is not valid before .*: check the clock/)];
    expect(check(site1, Date.now() - 2 * DAY_MS)).toEqual(yesterday);
    expect(checkCredentials(site1)).toEqual([expect.stringMatching(/site-1\.crt expires on/)]);
    const later = check({ caCert: ca }, Date.now() + 40 * DAY_MS);
    expect(later).toEqual([expect.stringMatching(/the CA certificate .*ca\.crt expired on/)]);
  });

  it('finds a certificate of another CA', () => {
    const warning = [expect.stringMatching(/stranger\.crt is not signed by .*\/ca\.crt$/)];
    expect(check({ caCert: ca, ...stranger })).toEqual(warning);
    expect(check({ caCert: strangerCa, ...stranger })).toEqual([]);
  });

  it('follows a chain, and takes a file of several CAs', () => {
    const pem = (path: string) => readFileSync(path, 'utf8');
    const cas = file(`${pem(strangerCa)}\n${pem(ca)}`);
    expect(check({ caCert: cas, ...site1 })).toEqual([]);
    const chain = file(`${pem(stranger.cert)}\n${pem(strangerCa)}`);
    expect(check({ caCert: strangerCa, cert: chain, key: stranger.key })).toEqual([]);
    expect(check({ caCert: ca, cert: chain, key: stranger.key })).toHaveLength(1);
  });

  it('takes a chain of at most 20 certificates', () => {
    const pem = readFileSync(site1.cert, 'utf8');
    const chain = (length: number) => file(Array.from({ length }, () => pem).join('\n'));
    expect(check({ ...site1, cert: chain(20) })).toEqual([]);
    expect(() => check({ ...site1, cert: chain(21) })).toThrow(/has more than 20 certificates$/);
  });

  it('finds a name that the certificate does not fit', () => {
    const text = 'the endpoint name site-2 needs a certificate for site-2, and this one is for site-1';
    expect(check({ ...site1, name: 'site-2' })).toEqual([text]);
    expect(check({ ...nameless, name: 'site-2' })).toEqual([expect.stringMatching(/has no common name$/)]);
  });

  it.skipIf(process.platform === 'win32')('warns of a key that others can read', () => {
    const key = file(readFileSync(site1.key, 'utf8'));
    expect(check({ ...site1, key })).toEqual([]);
    chmodSync(key, 0o644);
    expect(check({ ...site1, key })).toEqual([`other users can read the key ${key}: chmod 600 ends that`]);
    chmodSync(key, 0o622);
    expect(check({ ...site1, key })).toEqual([`other users can change the key ${key}: chmod 600 ends that`]);
  });

  it.each([
    ['a key of another certificate', () => ({ cert: site1.cert, key: stranger.key }), /does not fit/],
    ['a file that is not there', () => ({ cert: 'nowhere.crt' }), /nowhere\.crt cannot be read: ENOENT/],
    ['a key in place of a certificate', () => ({ cert: site1.key }), /has no certificate in PEM$/],
    ['a certificate in place of a key', () => ({ key: site1.cert }), /has no private key in PEM$/],
    ['a broken certificate', () => ({ caCert: file(BROKEN) }), /has a certificate that cannot be read/],
    [
      'a broken key',
      () => ({ key: file(BROKEN.replaceAll('CERTIFICATE', 'PRIVATE KEY')) }),
      /private key that/,
    ],
  ])('refuses %s, in one line', (_what, credentials, message) => {
    let thrown: unknown;
    try {
      check(credentials());
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'BAD_CONFIG', message: expect.stringMatching(message) as unknown });
    expect(thrown).toMatchObject({ message: expect.not.stringContaining('\n') as unknown });
  });
});

const BROKEN = '-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n';
