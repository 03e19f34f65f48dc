import { describe, expect, it } from 'vitest';

import { type CommError, CommErrorCode, type IdentityMap, Mode } from '../../lib/index.js';
import { encodeMap } from '../../lib/wire/map-codec.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { frameOf } from '../support/bytes.js';
import { FakeConnection, sessionOn } from '../support/fake-connection.js';

const ADDRESSES = { local_addr: '127.0.0.1:1000', peer_addr: '127.0.0.1:2000' };

interface Handshake {
  readonly name: string;
  readonly cn?: string;
  readonly hidden?: boolean;
  readonly mode?: Mode;
  readonly mtls?: boolean;
  readonly map?: IdentityMap;
}

/** What becomes of a peer that presents a name and a certificate to the endpoint `hub`: its name, or its error. */
function outcomeOf({ name, cn, hidden = false, mode = Mode.PASSIVE, mtls = true, map = {} }: Handshake) {
  const connection = new FakeConnection({
    ...ADDRESSES,
    ...(cn === undefined ? {} : { peer_cn: cn }),
    ...(hidden ? { peer_cert_hidden: true } : {}),
  });
  let error: CommError | undefined;
  const session = sessionOn(connection, { mode, mtls }, { identityMap: map });
  session.events$.subscribe((event) => {
    if (event.type === 'greeted') session.welcome(event.endpoint, () => 17);
    if (event.type === 'refused') session.refuse(event.error, event.told);
    if (event.type === 'closed') error = event.error;
  });
  const type = mode === Mode.ACTIVE ? FrameType.READY : FrameType.HELLO;
  const payload = encodeMap({ endpoint_name: name, timestamp: 1 }).slice();
  connection.deliver(frameOf({ type, appId: 0, streamId: 1 }, payload));
  expect(connection.isOpen).toBe(error === undefined);
  if (error === undefined) return session.endpoint?.name;
  return error.detail ?? error.code;
}

describe('a handshake under mtls', () => {
  it('takes a job with the certificate of its site', () => {
    expect(outcomeOf({ name: 'site-1.job-123', cn: 'site-1' })).toBe('site-1.job-123');
  });

  it('takes a job with the certificate that is mapped to its site', () => {
    const map = { prefix: { 'site-1': 'custom-site-cn' } };
    expect(outcomeOf({ name: 'site-1.job-123', cn: 'custom-site-cn', map })).toBe('site-1.job-123');
    expect(outcomeOf({ name: 'site-1.job-123', cn: 'site-1', map })).toBe('certificate-name');
  });

  it('refuses a name that the certificate does not fit, and closes', () => {
    expect(outcomeOf({ name: 'site-1.job-123', cn: 'attacker' })).toBe('certificate-name');
  });

  it('refuses an invalid name, whatever the certificate', () => {
    expect(outcomeOf({ name: 'server.', cn: 'server' })).toBe(CommErrorCode.BAD_DATA);
  });

  it('refuses, where it listens, a peer without a certificate', () => {
    expect(outcomeOf({ name: 'site-1' })).toBe('certificate-name');
  });

  it('refuses, where it connects, a peer whose certificate has no name', () => {
    expect(outcomeOf({ name: 'server', mode: Mode.ACTIVE })).toBe('certificate-name');
  });

  it('takes, where it connects, a peer whose certificate the transport hides', () => {
    expect(outcomeOf({ name: 'server', hidden: true, mode: Mode.ACTIVE })).toBe('server');
  });

  it('refuses, where it listens, a peer whose certificate the transport hides', () => {
    expect(outcomeOf({ name: 'site-1', hidden: true })).toBe('certificate-name');
  });

  it('refuses its own name, whatever the certificate', () => {
    expect(outcomeOf({ name: 'hub', cn: 'hub' })).toBe('own-name');
  });

  it('refuses, where it connects, a peer whose certificate does not fit', () => {
    expect(outcomeOf({ name: 'server', cn: 'attacker', mode: Mode.ACTIVE })).toBe('certificate-name');
  });
});

describe('a handshake under plain TLS', () => {
  it('binds no name to a certificate', () => {
    expect(outcomeOf({ name: 'site-1.job-123', mtls: false })).toBe('site-1.job-123');
    expect(outcomeOf({ name: 'site-1.job-123', cn: 'other', mtls: false })).toBe('site-1.job-123');
  });
});
