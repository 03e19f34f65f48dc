import { filter, firstValueFrom, take, toArray } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  type Communicator,
  CommErrorCode,
  type CommunicatorOptions,
  type DisconnectedEvent,
  Endpoint,
  EndpointState,
  Mode,
  QueueFullError,
  textMessage,
  textOf,
} from '../lib/index.js';
import { FrameType } from '../lib/wire/prefix.js';
import { testCertificates } from './support/certificates.js';
import { communicator, nextEvent, startListening, stopAll, untilState } from './support/communicators.js';
import { frame, hello, RawPeer } from './support/raw-peer.js';

const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const text = (value: string) => new TextEncoder().encode(value);
const data = (headers: string, payload = '') => {
  const [head, body] = [hex(headers), hex(payload)];
  const bytes = Buffer.alloc(16 + head.length + body.length);
  bytes.writeUInt32BE(bytes.length, 0);
  bytes.writeUInt16BE(head.length, 4);
  bytes.writeUInt8(FrameType.DATA, 6);
  bytes.writeUInt16BE(1, 10);
  bytes.set(head, 16);
  bytes.set(body, 16 + head.length);
  return new Uint8Array(bytes);
};

/** What a peer may send wrong, and what the error says. All of it is BAD_DATA. */
const BROKEN: readonly (readonly [string, readonly Uint8Array[], RegExp])[] = [
  ['garbage', [text('\xff\xfe\xfd and so on, for many bytes')], /bad frame/],
  ['HTTP', [text('HTTP/1.1 400 Bad Request\r\n\r\n')], /looks like HTTP/],
  ['a length under 16', [hex('0000000f 0000 0400 0000 0000 0001 0001')], /got 15/],
  ['a length over the limit', [hex('7fffffff 0000 0400 0000 0000 0001 0001')], /got 2147483647/],
  [
    'headers longer than the frame',
    [hello(), hex('00000010 0001 0100 0000 0001 0001 0001')],
    /headers of 1 do not fit/,
  ],
  ['headers that are not MessagePack', [hello(), data('c1')], /bad MessagePack/],
  ['headers that are no map', [hello(), data('93 01 02 03')], /it is not a map/],
  ['headers with a number as key', [hello(), data('81 01 02')], /keys must be strings/],
  ['headers with a __proto__ key', [hello(), data('81 a9 5f5f70726f746f5f5f 80')], /__proto__/],
  ['headers nested too deep', [hello(), data(`81a161${'91'.repeat(2000)}c0`)], /nested deeper/],
  ['headers that go on after the map', [hello(), data('80 80')], /bad MessagePack/],
  ['a handshake without a name', [hello({})], /no endpoint_name/],
  ['a name that is not text', [hello({ endpoint_name: 5 })], /no endpoint_name/],
  ['an empty name', [hello({ endpoint_name: ' ' })], /empty/],
  ['a bad name', [hello({ endpoint_name: 'a b' })], /character outside/],
  ['a name with an empty part', [hello({ endpoint_name: 'a..b' })], /empty part/],
  ['a name with a part twice', [hello({ endpoint_name: 'a.b.a' })], /part twice/],
  ['our own name', [hello({ endpoint_name: 'hub' })], /our own name/],
  ['a handshake that is no map', [frame(FrameType.HELLO, hex('c0'))], /it is not a map/],
  ['an empty handshake', [frame(FrameType.HELLO)], /it is empty/],
  ['a second HELLO', [hello(), hello()], /got HELLO/],
  ['READY instead of HELLO', [frame(FrameType.READY)], /expected HELLO first, got READY/],
  ['DATA before the handshake', [frame(FrameType.DATA, text('x'), 1)], /expected HELLO first, got DATA/],
  ['PING before the handshake', [frame(FrameType.PING)], /expected HELLO first, got PING/],
  ['an unknown frame type', [hello(), frame(42)], /unknown type 42/],
  ['a large frame before the handshake', [hex('00020000 0000 0400 0000 0000 0001 0001')], /got 131072/],
];

describe('bad input closes its own connection and nothing else', () => {
  let hub: Communicator;
  let site: Communicator;
  let url: string;

  beforeEach(() => join());

  async function join(options: CommunicatorOptions = {}): Promise<void> {
    hub = communicator('hub', options);
    hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
    url = await startListening(hub);
    site = communicator('site-1');
    site.addConnector(url, Mode.ACTIVE);
    await site.start();
    await Promise.all([untilState(hub, 'site-1'), untilState(site, 'hub')]);
  }

  afterEach(stopAll);

  /** The site still is there, and its messages arrive. */
  async function expectSiteUndisturbed(): Promise<void> {
    expect(hub.findEndpoint('site-1')?.state).toBe(EndpointState.READY);
    const arrived = firstValueFrom(
      hub.messages(1).pipe(filter(({ endpoint }) => endpoint.name === 'site-1')),
    );
    site.send('hub', 1, textMessage('still here'));
    expect(textOf((await arrived).message)).toBe('still here');
  }

  function strangerLeft(): Promise<DisconnectedEvent> {
    const left$ = hub.lifecycle$.pipe(
      filter((event): event is DisconnectedEvent => event.type === 'disconnected'),
    );
    return firstValueFrom(left$);
  }

  it.each(BROKEN)('a peer that sends %s', async (_name, frames, message) => {
    const left = strangerLeft();
    using peer = await RawPeer.connect(url);
    peer.send(...frames);
    const { error } = await left;
    expect(error).toMatchObject({ name: 'CommError', code: CommErrorCode.BAD_DATA });
    expect(error?.message).toMatch(message);
    await peer.closed();
    await expectSiteUndisturbed();
  });

  it.each(BROKEN)('a peer that sends %s byte by byte', async (_name, frames, message) => {
    const left = strangerLeft();
    using peer = await RawPeer.connect(url);
    peer.socket.setNoDelay(true);
    for (const byte of Buffer.concat(frames).subarray(0, 300)) {
      peer.send(Uint8Array.of(byte));
      await new Promise(setImmediate);
    }
    peer.send(Buffer.concat(frames).subarray(300));
    expect((await left).error?.message).toMatch(message);
    await expectSiteUndisturbed();
  });

  it('a peer that sends nothing', async () => {
    await stopAll();
    await join({ handshakeTimeoutMs: 300 });
    const left = strangerLeft();
    using peer = await RawPeer.connect(url);
    expect((await left).error).toMatchObject({ code: CommErrorCode.TIMEOUT });
    await peer.closed();
    await expectSiteUndisturbed();
  });

  it('a peer that closes in the middle of a frame, after a good one', async () => {
    const arrived = firstValueFrom(hub.messages(1));
    const left = strangerLeft();
    using peer = await RawPeer.connect(url);
    peer.send(hello(), frame(FrameType.DATA, text('whole'), 1), hex('0000ffff 0000'));
    peer.socket.end();
    expect(textOf((await arrived).message)).toBe('whole');
    expect((await left).error).toMatchObject({ code: CommErrorCode.CLOSED });
    await expectSiteUndisturbed();
  });

  it('reserved frames are ignored, and so are those to no receiver', async () => {
    const arrived = firstValueFrom(hub.messages(1));
    const dropped = nextEvent(hub, 'dropped');
    using peer = await RawPeer.connect(url);
    peer.send(
      hello(),
      frame(FrameType.FRAG),
      frame(FrameType.ACK),
      frame(FrameType.DATA, text('nobody'), 99),
    );
    peer.send(frame(FrameType.DATA, text('somebody'), 1));
    expect(textOf((await arrived).message)).toBe('somebody');
    expect(await dropped).toMatchObject({ reason: 'no-receiver', appId: 99, messages: 1, bytes: 22 });
  });

  it('a second connection under a live name takes its place, and both addresses are told', async () => {
    const evicted = nextEvent(hub, 'evicted');
    using peer = await RawPeer.connect(url);
    peer.send(hello({ endpoint_name: 'site-1' }));
    const { message, newcomer, evicted: older } = await evicted;
    expect(message).toContain(newcomer?.properties.peer_addr);
    expect(message).toContain(older.properties.peer_addr);
    expect(hub.findEndpoint('site-1')?.state).toBe(EndpointState.READY);
  });

  it('a receiver or monitor that throws or rejects is reported, and the next message comes', async () => {
    const errors = firstValueFrom(
      hub.lifecycle$.pipe(
        filter(({ type }) => type === 'callback-error'),
        take(3),
        toArray(),
      ),
    );
    hub.registerMonitor(() => {
      throw new Error('monitor');
    });
    hub.registerMessageReceiver(5, ({ message }) => {
      if (textOf(message) === 'throw') throw new Error('receiver');
      return Promise.reject(new Error('promise'));
    });
    const seen = firstValueFrom(hub.messages(5).pipe(take(2), toArray()));
    site.send('hub', 5, textMessage('throw'));
    site.send('hub', 5, textMessage('reject'));
    await seen;
    await site.stop();
    const messages = (await errors).map((event) =>
      event.type === 'callback-error' ? event.error.message : '',
    );
    expect(messages).toEqual([
      expect.stringContaining('receiver'),
      expect.stringContaining('promise'),
      expect.stringContaining('monitor'),
    ]);
  });

  it('send refuses what it cannot deliver', async () => {
    const code = (run: () => unknown) => {
      try {
        run();
      } catch (error) {
        return (error as { code: string }).code;
      }
      return 'no error';
    };
    const message = textMessage('x');
    expect(code(() => hub.send('nobody', 1, message))).toBe(CommErrorCode.CLOSED);
    expect(code(() => hub.send('site-1', 70_000, message))).toBe(CommErrorCode.BAD_CONFIG);
    expect(code(() => hub.send('site-1', 1, { payload: 'text' as unknown as Uint8Array }))).toBe(
      CommErrorCode.BAD_DATA,
    );
    expect(code(() => hub.send('site-1', 1, { headers: { big: 'x'.repeat(65_536) } }))).toBe(
      CommErrorCode.BAD_DATA,
    );
    expect(code(() => hub.send('site-1', 1, { headers: { f: (() => 1) as unknown as string } }))).toBe(
      CommErrorCode.BAD_DATA,
    );
    await site.stop();
    await untilState(hub, 'site-1', EndpointState.DISCONNECTED);
    expect(code(() => hub.send('site-1', 1, message))).toBe(CommErrorCode.CLOSED);
    await hub.stop();
    expect(code(() => hub.send('site-1', 1, message))).toBe(CommErrorCode.CLOSED);
  });

  it('send throws a named error when the queue is full, and takes one message of any size while it is not', async () => {
    const small = communicator('small', { highWaterMarkBytes: 1000, maxQueuedBytes: 2000 });
    small.addConnector(url, Mode.ACTIVE);
    await small.start();
    await untilState(small, 'hub');
    const arrived = firstValueFrom(hub.messages(1).pipe(filter(({ endpoint }) => endpoint.name === 'small')));
    expect(small.send('hub', 1, { payload: new Uint8Array(5000) })).toBe(false);
    expect(() => small.send('hub', 1, textMessage('y'))).toThrow(QueueFullError);
    expect((await arrived).message.payload?.length).toBe(5000);
  });
});

describe('bad configuration is told at once', () => {
  afterEach(stopAll);

  it.each([
    ['an unknown scheme', 'carrier-pigeon://roof:1', CommErrorCode.NOT_SUPPORTED],
    ['no scheme', '127.0.0.1:8002', CommErrorCode.BAD_CONFIG],
    ['a bad port', 'tcp://127.0.0.1:99999', CommErrorCode.BAD_CONFIG],
    ['TLS on a driver without it', 'inproc://name?secure=true', CommErrorCode.BAD_CONFIG],
  ])('%s', (_name, url, code) => {
    expect(() => communicator('hub').addConnector(url, Mode.PASSIVE)).toThrow(
      expect.objectContaining({ code }) as Error,
    );
  });

  it('a port in use', async () => {
    const first = communicator('first');
    first.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
    const url = await startListening(first);
    const second = communicator('second');
    second.addConnector(url, Mode.PASSIVE);
    await expect(second.start()).rejects.toMatchObject({ code: CommErrorCode.BAD_CONFIG });
    await expect(second.startListener('tcp', { port: Number(new URL(url).port) })).rejects.toMatchObject({
      code: CommErrorCode.CLOSED,
    });
  });

  it('certificates that are missing, unreadable or not certificates', async () => {
    const { ca, hub: pair } = await testCertificates();
    const cases: readonly (readonly [Record<string, string>, RegExp])[] = [
      [{}, /needs ca_cert/],
      [{ ca_cert: ca }, /needs server_cert/],
      [{ ca_cert: ca, server_cert: pair.cert }, /needs server_key/],
      [{ ca_cert: ca, server_cert: '/nowhere/cert.pem', server_key: pair.key }, /server_cert cannot be read/],
      [{ ca_cert: ca, server_cert: pair.key, server_key: pair.key }, /not usable/],
      [
        { ca_cert: ca, server_cert: pair.cert, server_key: pair.key, connection_security: 'clear' },
        /tls or mtls/,
      ],
    ];
    for (const [params, message] of cases) {
      const hub = communicator(new Endpoint('hub', {}, params));
      hub.addConnector('stcp://127.0.0.1:0', Mode.PASSIVE, false, params);
      const failure = await hub.start().catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: CommErrorCode.BAD_CONFIG });
      expect((failure as Error).message).toMatch(message);
    }
  });

  it('a second receiver for an app ID', () => {
    const hub = communicator('hub');
    const first = hub.registerMessageReceiver(1, () => undefined);
    expect(() => hub.registerMessageReceiver(1, () => undefined)).toThrow(
      expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error,
    );
    first.unsubscribe();
    hub.registerMessageReceiver(1, () => undefined);
  });

  it('an option that does not exist or cannot be', () => {
    expect(() => communicator('hub', { heartbeatMs: 1 } as object)).toThrow(/no such option/);
    expect(() => communicator('hub', { drainTimeoutMs: -1 })).toThrow(/expected 0 to/);
  });
});
