import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';

import { parseUrl } from '../../../lib/transport/url.js';
import { concatBytes } from '../../support/bytes.js';
import { conversation } from '../corpus.js';
import type { Dice } from '../dice.js';
import { Hub, HUB_RULES } from '../hub.js';
import { cutUp, mutate } from '../mutate.js';
import { requireBadData, requireHarmless, requireNamed } from '../outcome.js';
import { RawClient } from '../raw-client.js';
import { Conversation } from '../reference/conversation.js';
import type { FuzzInput, FuzzTarget } from '../target.js';

const PATH = '/streamer.Streamer/Stream';
const FRAME_TYPE = {
  DATA: 0,
  HEADERS: 1,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
} as const;

/**
 * A gRPC listener. Variants: well-formed HTTP/2 with `frames` that may be wrong, or with wrong `messages` around
 * them; and `bytes` that may break HTTP/2 itself.
 */
export const grpcTarget: FuzzTarget = {
  name: 'grpc',
  kind: 'live',
  make(dice) {
    const variant = dice.pick(['frames', 'messages', 'bytes'] as const);
    const frames = conversation(dice);
    if (variant === 'frames') return { parts: frames, variant };
    const messages = concatBytes(frames.map(grpcMessage));
    if (variant === 'messages') return { parts: cutUp(mutate(messages, dice), dice).slice(0, 40), variant };
    return { parts: cutUp(mutate(http2Bytes(messages, dice), dice), dice).slice(0, 40), variant };
  },
  async open() {
    const hub = await Hub.open('grpc://127.0.0.1:0');
    return { check: (input) => check(hub, input), close: () => hub.close() };
  },
};

async function check(hub: Hub, input: FuzzInput): Promise<void> {
  await (input.variant === 'bytes' ? checkBytes(hub, input) : checkMessages(hub, input));
  await hub.checkBystander();
}

async function checkBytes(hub: Hub, { parts }: FuzzInput): Promise<void> {
  const client = await RawClient.connect(hub.url);
  await client.write(parts);
  // Node's HTTP/2 stops reading after some errors, and then does not see that the peer is gone: the silence shows it.
  await client.vanish();
  if (hub.hasMet(client.address)) requireNamed(await hub.fateOf(client.address));
}

async function checkMessages(hub: Hub, { parts, variant }: FuzzInput): Promise<void> {
  const { session, stream, address, closed } = await openStream(hub.url);
  const expected = new Conversation(HUB_RULES);
  const isCertain = variant === 'frames';
  for (const part of parts) {
    if (isCertain) expected.take(part);
    if (stream.writable) stream.write(isCertain ? grpcMessage(part) : part);
  }
  if (!isCertain || !expected.isBroken) stream.end();
  const fate = await hub.fateOf(address);
  if (!isCertain) requireNamed(fate);
  else if (expected.isBroken) requireBadData(fate.error);
  else requireHarmless(fate, true);
  session.destroy();
  await closed;
}

interface OpenStream {
  readonly session: ClientHttp2Session;
  readonly stream: ClientHttp2Stream;
  /** Of this side, as the hub sees it. */
  readonly address: string;
  readonly closed: Promise<unknown>;
}

async function openStream(url: string): Promise<OpenStream> {
  const { host = '', port = 0 } = parseUrl(url);
  const session = connect(`http://${host}:${port}`);
  // What the hub does to this side shows on its own.
  session.on('error', () => undefined);
  const closed = new Promise((resolve) => session.once('close', resolve));
  await once(session, 'connect');
  const address = `127.0.0.1:${session.socket.localPort}`;
  const stream = session.request({
    ':method': 'POST',
    ':path': PATH,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => undefined).resume();
  return { session, stream, address, closed };
}

/** `Frame { seq = 1; data = 2 }` behind the five bytes of gRPC. */
function grpcMessage(frame: Uint8Array): Uint8Array {
  const body = concatBytes([Uint8Array.of(0x08, 1, 0x12, ...varint(frame.length)), frame]);
  return concatBytes([Uint8Array.of(0, ...bigEndian(body.length, 4)), body]);
}

/** A client's side of HTTP/2: the preface, settings, a stream and what is on it, and some frames that nobody needs. */
function http2Bytes(messages: Uint8Array, dice: Dice): Uint8Array {
  const frames = [
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    http2Frame(FRAME_TYPE.SETTINGS, 0, 0, new Uint8Array(0)),
    http2Frame(FRAME_TYPE.HEADERS, 0x4, 1, requestHeaders()),
    http2Frame(FRAME_TYPE.DATA, dice.pick([0, 1]), 1, messages),
  ];
  for (let left = dice.below(4); left > 0; left -= 1) {
    const type = dice.chance(0.8) ? dice.pick([3, 4, 6, 7, 8] as const) : dice.below(256);
    const length = type === FRAME_TYPE.PING || type === FRAME_TYPE.GOAWAY ? 8 : 4;
    const frame = http2Frame(type, dice.pick([0, 1, 4, 255]), dice.pick([0, 1, 3]), dice.bytes(length));
    frames.splice(1 + dice.below(frames.length), 0, frame);
  }
  return concatBytes(frames);
}

function http2Frame(type: number, flags: number, streamId: number, payload: Uint8Array): Uint8Array {
  const head = [...bigEndian(payload.length, 3), type, flags, ...bigEndian(streamId, 4)];
  return concatBytes([Uint8Array.from(head), payload]);
}

/** In HPACK without Huffman and without the table: POST, http, the path, and the two headers that gRPC needs. */
function requestHeaders(): Uint8Array {
  const text = (value: string): number[] => [value.length, ...Buffer.from(value)];
  return Uint8Array.from([
    0x83,
    0x86,
    0x04,
    ...text(PATH),
    0x01,
    ...text('localhost'),
    0x0f,
    0x10,
    ...text('application/grpc'),
    0x00,
    ...text('te'),
    ...text('trailers'),
  ]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

function bigEndian(value: number, size: number): number[] {
  return Array.from({ length: size }, (_, index) => (value >>> (8 * (size - 1 - index))) & 0xff);
}
