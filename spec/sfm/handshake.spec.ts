import { describe, expect, it } from 'vitest';

import { CommErrorCode } from '../../lib/comm-error.js';
import { Endpoint, EndpointState } from '../../lib/endpoint.js';
import type { MessageHeaders } from '../../lib/message.js';
import { decodeHandshake, encodeHandshake } from '../../lib/sfm/handshake.js';
import { decodeMap, encodeMap } from '../../lib/wire/map-codec.js';
import { goldenFrame } from '../support/golden.js';

const connection = { local_addr: '127.0.0.1:1', peer_addr: '127.0.0.1:2', peer_cn: 'site-1' };
const badData = expect.objectContaining({ code: CommErrorCode.BAD_DATA }) as unknown;

function decode(map: MessageHeaders): Endpoint {
  return decodeHandshake(encodeMap(map).slice(), connection);
}

describe('encodeHandshake', () => {
  it('gives the name, the time in seconds and the properties', () => {
    const endpoint = new Endpoint('hub', { role: 'server', level: 1, nothing: undefined });
    expect(decodeMap(encodeHandshake(endpoint, 1_500))).toEqual({
      endpoint_name: 'hub',
      timestamp: 1.5,
      role: 'server',
      level: 1,
    });
  });

  it('keeps connection properties to itself', () => {
    const payload = encodeHandshake(new Endpoint('hub', {}, { server_key: 'secret' }), 0);
    expect(Buffer.from(payload).includes('secret')).toBe(false);
  });

  it('gives bytes that outlast the next call', () => {
    const payload = encodeHandshake(new Endpoint('hub'), 0);
    encodeHandshake(new Endpoint('other-name'), 0);
    expect(decodeMap(payload).endpoint_name).toBe('hub');
  });

  it('refuses properties that have no form on the wire', () => {
    expect(() => encodeHandshake(new Endpoint('hub', { large: 'x'.repeat(70_000) }), 0)).toThrow(badData);
  });
});

describe('decodeHandshake', () => {
  it.each([
    ['hello', 'site-1'],
    ['ready', 'hub'],
  ])('reads the %s that NVFlare sent', (frame, name) => {
    const endpoint = decodeHandshake(goldenFrame(frame).payload, connection);
    expect(endpoint).toMatchObject({
      name,
      state: EndpointState.READY,
      properties: { role: name, level: 1 },
    });
    expect(endpoint.connProps).toEqual(connection);
  });

  it.each<[string, MessageHeaders]>([
    ['side by side', { a: 1, b: 2, c: 3 }],
    ['in a list', { a: [1, 2] }],
    ['in a map', { a: { b: { c: 3 } } }],
  ])('counts properties before it decodes them, %s', (_, properties) => {
    const payload = encodeMap({ endpoint_name: 'a', timestamp: 1, ...properties }).slice();
    expect(decodeHandshake(payload, connection, 3).properties).toEqual(properties);
    expect(() => decodeHandshake(payload, connection, 2)).toThrow(badData);
    expect(() => decodeHandshake(payload, connection, 2)).toThrow('more than 4 values');
  });

  it('keeps what belongs to the protocol out of the properties', () => {
    expect(decode({ endpoint_name: 'a', timestamp: 1, x: 2 }).properties).toEqual({ x: 2 });
  });

  it('trims the name, and does without a timestamp', () => {
    expect(decode({ endpoint_name: ' site-1.job_7~x\n' }).name).toBe('site-1.job_7~x');
  });

  it.each([
    ['no payload', undefined],
    ['nil', Uint8Array.of(0xc0)],
    ['an array', Uint8Array.of(0x90)],
    ['half a map', Uint8Array.of(0x81, 0xa1)],
  ])('refuses %s', (_, payload) => {
    expect(() => decodeHandshake(payload, connection)).toThrow(badData);
  });

  it.each([undefined, null, 7, true, '', '  ', '.', 'a..b', 'a.', '.a', 'a b', 'a/b', 'ä', 'a.b.a', 'a.a'])(
    'refuses the name %j',
    (name) => {
      expect(() => decode({ endpoint_name: name, timestamp: 1 })).toThrow(badData);
    },
  );

  it('refuses a name of bytes', () => {
    expect(() => decode({ endpoint_name: Uint8Array.of(97) })).toThrow(badData);
  });
});
