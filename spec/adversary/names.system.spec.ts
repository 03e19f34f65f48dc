import { filter, firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { CommErrorCode } from '../../lib/index.js';
import { encodeMap } from '../../lib/wire/map-codec.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { stopAll, untilState } from '../support/communicators.js';
import { frame, hello, RawPeer } from '../support/raw-peer.js';
import { openStage } from './stage.js';

const int64 = (value: bigint) => {
  const bytes = Buffer.alloc(9, value < 0n ? 0xd3 : 0xcf);
  if (value < 0n) bytes.writeBigInt64BE(value, 1);
  else bytes.writeBigUInt64BE(value, 1);
  return bytes;
};
const str = (value: string) => {
  const bytes = Buffer.from(value);
  const head = Buffer.of(0xda, bytes.length >> 8, bytes.length & 0xff);
  return Buffer.concat([head, bytes]);
};
/** A map with entries as they are, twice the same key if need be. */
const map = (...entries: readonly (readonly [string | Buffer, string | Buffer])[]) =>
  Buffer.concat([
    Buffer.of(0xde, entries.length >> 8, entries.length & 0xff),
    ...entries.flat().map((each) => (typeof each === 'string' ? str(each) : each)),
  ]);
const greeting = (...entries: readonly (readonly [string | Buffer, string | Buffer])[]) =>
  frame(FrameType.HELLO, map(['endpoint_name', 'raw'], ...entries));
const nested = (depth: number) => Buffer.concat([Buffer.alloc(depth, 0x91), Buffer.of(0xc0)]);
const many = (count: number) =>
  Array.from({ length: count }, (_, n): [string, Buffer] => [`k${n}`, Buffer.of(n & 0x7f)]);

/** Handshakes that are refused. */
const REFUSED: Readonly<Record<string, Uint8Array>> = {
  'our own name between blanks': hello({ endpoint_name: '  hub\n' }),
  'a name with a line break': hello({ endpoint_name: 'site-1\nsite-2' }),
  'a name with a terminal sequence': hello({ endpoint_name: '\u001b[2Jsite' }),
  'a name that reads from right to left': hello({ endpoint_name: 'site\u202e1' }),
  'a name of letters that look like others': hello({ endpoint_name: 'sіte-1' }),
  'a name with a zero byte': hello({ endpoint_name: 'site\0' }),
  'a name of blanks of Unicode': hello({ endpoint_name: '\u00a0\u2003\ufeff' }),
  'a name that is a path': hello({ endpoint_name: '../../etc/passwd' }),
  'a name of dots': hello({ endpoint_name: '.'.repeat(60_000) }),
  'a name that is a map': frame(FrameType.HELLO, map(['endpoint_name', map()])),
  'a name that is half of a character': frame(
    FrameType.HELLO,
    map(['endpoint_name', Buffer.from('a3eda080', 'hex')]),
  ),
  'a second name that is not one': greeting(['endpoint_name', '']),
  'a property __proto__': greeting(['__proto__', map(['isAdmin', Buffer.of(0xc3)])]),
  'a property __proto__ inside of another': greeting(['a', map(['__proto__', Buffer.of(0xc0)])]),
  'properties 33 levels deep': greeting(['a', nested(33)]),
  '1,002 properties': greeting(...many(1_002)),
  '20,000 values in one property': greeting([
    'a',
    Buffer.concat([Buffer.of(0xdc, 0x4e, 0x20), Buffer.alloc(20_000, 0xc0)]),
  ]),
  'a timestamp that is an extension': greeting(['timestamp', Buffer.from('d6ff00000000', 'hex')]),
};

afterEach(stopAll);

describe('a peer that presents', () => {
  it.each(Object.entries(REFUSED))('%s is refused, alone', async (_name, handshake) => {
    const stage = await openStage('tcp');
    const end = stage.nextEnd();
    using peer = await RawPeer.connect(stage.url);
    peer.send(handshake);
    expect((await end).error).toMatchObject({ code: CommErrorCode.BAD_DATA });
    await peer.closed();
    await stage.expectUndisturbed();
  });

  it.each(['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'then', '~', '-', '_'])(
    'the name %s is an endpoint like any other',
    async (name) => {
      const stage = await openStage('tcp', { identityMap: { exact: {}, prefix: {} } });
      using peer = await RawPeer.connect(stage.url);
      peer.send(hello({ endpoint_name: name }));
      expect((await untilState(stage.hub, name)).name).toBe(name);
      expect(stage.hub.stats().endpoints.map((each) => each.name)).toContain(name);
      await stage.expectUndisturbed();
      expect(Object.prototype).not.toHaveProperty('name');
    },
  );

  it('properties with the names of methods has them as data, and changes no other object', async () => {
    const stage = await openStage('tcp');
    using peer = await RawPeer.connect(stage.url);
    const names = ['constructor', 'toString', 'hasOwnProperty', 'prototype', 'then', 'toJSON', 'name'];
    peer.send(greeting(...names.map((name): [string, string] => [name, 'theirs'])));
    const { properties, name } = await untilState(stage.hub, 'raw');
    expect(name).toBe('raw');
    expect(Object.entries(properties)).toEqual(names.map((each) => [each, 'theirs']));
    expect({}.constructor).toBe(Object);
    await stage.expectUndisturbed();
  });

  it('integers at the ends of 64 bits has them exactly', async () => {
    const stage = await openStage('tcp');
    using peer = await RawPeer.connect(stage.url);
    const values = { least: -(2n ** 63n), most: 2n ** 64n - 1n, edge: 2n ** 53n };
    peer.send(
      greeting(...Object.entries(values).map(([key, value]): [string, Buffer] => [key, int64(value)])),
    );
    expect((await untilState(stage.hub, 'raw')).properties).toEqual(values);
  });

  it('its name twice is known by the last one, as Python has it', async () => {
    const stage = await openStage('tcp');
    using peer = await RawPeer.connect(stage.url);
    peer.send(greeting(['endpoint_name', 'second']));
    await untilState(stage.hub, 'second');
    expect(stage.hub.findEndpoint('raw')).toBeUndefined();
  });

  it('messages with such headers gives them to the receiver under its own name, and changes no other object', async () => {
    const stage = await openStage('tcp');
    using peer = await RawPeer.connect(stage.url);
    const arrived = firstValueFrom(
      stage.hub.messages(1).pipe(filter(({ endpoint }) => endpoint.name === 'raw')),
    );
    const headers = map(
      ['endpoint_name', 'bystander'],
      ['constructor', 'theirs'],
      ['least', int64(-(2n ** 63n))],
      ['constructor', 'again'],
    );
    const bytes = Buffer.concat([frame(FrameType.DATA, headers, 1)]);
    bytes.writeUInt16BE(headers.length, 4);
    peer.send(hello(), bytes);
    expect((await arrived).message.headers).toEqual({
      endpoint_name: 'bystander',
      constructor: 'again',
      least: -(2n ** 63n),
    });
    await stage.expectUndisturbed();
  });
});

describe('two hundred peers', () => {
  it('under one name leave one connection, and the bystander where it is', async () => {
    const stage = await openStage('tcp', { handshakeTimeoutMs: 20_000 });
    const peers = await Promise.all(Array.from({ length: 200 }, () => RawPeer.connect(stage.url)));
    for (const peer of peers) peer.send(frame(FrameType.HELLO, encodeMap({ endpoint_name: 'raw' }).slice()));
    const alive = firstValueFrom(
      stage.hub
        .stats$(20)
        .pipe(
          filter(
            ({ connections }) =>
              connections.filter((each) => each.endpointName === 'raw').length === 1 &&
              connections.length === 2,
          ),
        ),
    );
    await alive;
    await stage.expectUndisturbed();
    for (const peer of peers) peer[Symbol.dispose]();
  });
});
