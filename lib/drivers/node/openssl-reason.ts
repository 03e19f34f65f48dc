import type { CommErrorDetail } from '../../comm-error.js';

/** A failure that OpenSSL reports, in plain words and for programs. */
export interface OpensslFailure {
  readonly words: string;
  readonly detail?: CommErrorDetail;
}

const refused = (words: string): OpensslFailure => ({ words, detail: 'certificate-refused' });
const noTls: OpensslFailure = { words: 'the peer does not speak TLS', detail: 'no-tls' };

/** By the name of OpenSSL's reason. An alert is what the peer said (RFC 8446, section 6). */
const FAILURES: Readonly<Record<string, OpensslFailure>> = {
  ALERT_UNKNOWN_CA: refused('the peer does not know the CA that signed our certificate'),
  ALERT_BAD_CERTIFICATE: refused('the peer does not accept our certificate'),
  ALERT_CERTIFICATE_EXPIRED: refused('the peer says that our certificate has expired, or is not valid yet'),
  ALERT_CERTIFICATE_REVOKED: refused('the peer says that our certificate is revoked'),
  ALERT_CERTIFICATE_UNKNOWN: refused('the peer does not accept our certificate'),
  ALERT_UNSUPPORTED_CERTIFICATE: refused('the peer does not support our kind of certificate'),
  ALERT_ACCESS_DENIED: refused('the peer denies access with our certificate'),
  ALERT_DECRYPT_ERROR: refused('the peer cannot verify the signature of our certificate'),
  ALERT_CERTIFICATE_REQUIRED: { words: 'the peer demands a certificate', detail: 'certificate-wanted' },
  ALERT_HANDSHAKE_FAILURE: {
    words: 'the peer refuses the TLS handshake: it demands a certificate, or has no cipher in common with us',
    detail: 'certificate-wanted',
  },
  ALERT_NO_APPLICATION_PROTOCOL: {
    words: 'the peer speaks TLS, but not the protocol of this scheme',
    detail: 'other-protocol',
  },
  ALERT_PROTOCOL_VERSION: { words: 'the peer has no TLS version in common with us' },
  WRONG_VERSION_NUMBER: noTls,
  PACKET_LENGTH_TOO_LONG: noTls,
  HTTP_REQUEST: noTls,
  UNSUPPORTED_PROTOCOL: { words: 'the peer has no TLS version in common with us' },
  NO_SHARED_CIPHER: { words: 'the peer has no cipher in common with us' },
  PEER_DID_NOT_RETURN_A_CERTIFICATE: { words: 'the peer showed no certificate' },
  NO_START_LINE: { words: 'no PEM of the expected kind is in it' },
  KEY_VALUES_MISMATCH: { words: 'the key does not fit the certificate' },
};

/** `ERR_SSL_TLSV1_ALERT_UNKNOWN_CA`, where the version is that of the alert's first specification. */
const CODE = /^ERR_(?:SSL|OSSL_(?:PEM|X509))_(?:SSLV3_|TLSV1_|TLSV13_|SSL\/TLS_)?(.+)$/;

/** `error:0A000418:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca:...`, as OpenSSL prints an error. */
const DUMP = /error:[0-9A-F]{8}:[^:]*:[^:]*:(?:sslv3 |tlsv1 |tlsv13 |ssl\/tls )?([^:]+)/;

/**
 * What an error of node:tls says; `undefined` where OpenSSL did not raise it. A failed write under TLS has the code `EPROTO`,
 * and OpenSSL's reason only in its message.
 */
export function opensslFailure(error: Error & { readonly code?: unknown }): OpensslFailure | undefined {
  const printed = DUMP.exec(error.message)?.[1];
  const fromCode = typeof error.code === 'string' ? CODE.exec(error.code)?.[1] : undefined;
  const reason = fromCode ?? printed?.trim().toUpperCase().replaceAll(' ', '_');
  if (reason === undefined) return undefined;
  return FAILURES[reason] ?? { words: printed ?? error.message };
}
