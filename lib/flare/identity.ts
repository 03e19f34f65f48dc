import { constants, type KeyObject, sign, verify, type X509Certificate } from 'node:crypto';

import { CommError, CommErrorCode } from '../comm-error.js';
import { commonNameOf, readCertificates, readKey } from './check-credentials.js';
import { readSmallFile } from './read-small-file.js';

const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_MAX_SIGN, RSA_PSS_SALTLEN_AUTO } = constants;

/** Who we are: a certificate, and the key that only this class uses. */
export class Identity {
  /** The common name of the certificate. */
  readonly name: string;
  /** The PEM file of the certificate as it is, with its chain. */
  readonly certificate: Uint8Array;
  /** The role of a user, and the organization; absent where the certificate does not say. */
  readonly role: string | undefined;
  readonly org: string | undefined;
  /** When the certificate ends, in milliseconds since 1970. */
  readonly expires: number;
  readonly #key: KeyObject;

  /**
   * @param cert - path of a PEM file, ours first
   * @param key - path of a PEM file
   * @throws CommError `BAD_CONFIG` where they cannot be read, do not fit, or the certificate names nobody
   */
  constructor(cert: string, key: string) {
    const [own] = readCertificates(cert);
    const name = own && commonNameOf(own);
    if (own === undefined || name === undefined)
      throw new CommError(CommErrorCode.BAD_CONFIG, `the certificate ${cert} has no common name, or several`);
    this.#key = readKey(key);
    if (!own.checkPrivateKey(this.#key))
      throw new CommError(CommErrorCode.BAD_CONFIG, `the key ${key} does not fit the certificate ${cert}`);
    this.name = name;
    this.role = fieldOf(own, ROLE);
    this.org = fieldOf(own, 'O');
    this.certificate = new TextEncoder().encode(readSmallFile(cert, 'latin1'));
    this.expires = Date.parse(own.validTo);
  }

  /**
   * Signs as NVFlare does: RSASSA-PSS, SHA-256, a salt of maximum length. Source: `sign_content` of
   * `nvflare/lighter/utils.py`.
   */
  sign(content: Uint8Array | string): Uint8Array {
    const options = { key: this.#key, padding, saltLength: RSA_PSS_SALTLEN_MAX_SIGN };
    return new Uint8Array(sign('sha256', bytesOf(content), options));
  }
}

/** Where a certificate has the role of a user. Source: `CertBuilder` of `nvflare/lighter/impl/cert.py`. */
const ROLE = 'unstructuredName';

function fieldOf({ subject }: X509Certificate, field: string): string | undefined {
  const line = subject.split('\n').find((each) => each.startsWith(`${field}=`));
  return line?.slice(field.length + 1);
}

/** Whether the owner of a certificate has signed a content, as {@link Identity.sign} does. */
export function isSignedWith(
  { publicKey }: X509Certificate,
  content: Uint8Array | string,
  signature: Uint8Array,
): boolean {
  const options = { key: publicKey, padding, saltLength: RSA_PSS_SALTLEN_AUTO };
  return verify('sha256', bytesOf(content), options, signature);
}

function bytesOf(content: Uint8Array | string): Uint8Array {
  return typeof content === 'string' ? new TextEncoder().encode(content) : content;
}
