/** One finding that a person can act on. */
export type Diagnosis =
  | 'bad-request'
  | 'name-not-resolved'
  | 'refused'
  | 'unreachable'
  | 'timed-out'
  | 'no-answer'
  | 'certificate-not-trusted'
  | 'certificate-expired'
  | 'certificate-of-another'
  | 'client-certificate-wanted'
  | 'own-certificate-not-trusted'
  | 'tls-wanted'
  | 'not-tls'
  | 'other-transport'
  | 'not-f3'
  | 'own-name'
  | 'handshake-refused'
  | 'connection-lost'
  | 'failed';

/** Each finding in plain words, with what to do. */
export const DIAGNOSIS_TEXT: Readonly<Record<Diagnosis, string>> = {
  'bad-request': 'what was asked for cannot work',
  'name-not-resolved': 'the host name cannot be resolved: check its spelling and the DNS',
  refused: 'connection refused: nothing listens on that port, or a firewall rejects us',
  unreachable: 'no route to that host: check the address and the network of this machine',
  'timed-out': 'timed out: neither the host nor a firewall before it answers',
  'no-answer':
    'the port takes connections, and does not answer: the peer hangs or is too busy, or waits for another protocol',
  'certificate-not-trusted':
    'the certificate of the peer is not signed by our CA: check --ca-cert, or that --kit is of this project, and that this is the right peer',
  'certificate-expired':
    'the certificate of the peer has expired, or is not valid yet: renew it there, or set the clock here',
  'certificate-of-another':
    'the peer shows the certificate of another: check that this is the right peer; --kit, or --identity with name=certificate, says whose certificate it has',
  'client-certificate-wanted': 'the peer demands a certificate of ours: give --kit, or --cert and --key',
  'own-certificate-not-trusted':
    'the peer does not accept our certificate: it must be signed by the CA of the peer, and be valid today',
  'tls-wanted':
    'that port wants TLS, and the URL has none: use https, grpcs or stcp, --connection-security mtls or --kit',
  'not-tls': 'the peer does not speak TLS on that port: check the scheme and the port',
  'other-transport': 'that port speaks another transport than that of the URL: change the scheme or the port',
  'not-f3': 'that port does not speak F3 over this transport: something else has it, or another transport',
  'own-name': 'the peer has the name that we present ourselves under: give another --name',
  'handshake-refused':
    'the peer refused us in the handshake: it does not admit that name, our properties, or our certificate under that name',
  'connection-lost':
    'the connection was lost: the peer stopped, something on the way cut it, or another party joined under our name',
  failed: 'failed',
};
