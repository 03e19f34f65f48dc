import { PassThrough } from 'node:stream';

import { describe, expect, it } from 'vitest';

import { MessageReader } from '../../../lib/drivers/websocket/message-reader.js';
import { maskWords } from '../../../lib/drivers/websocket/mask.js';
import { seededRandom } from '../../support/random.js';
import { pattern } from '../../support/pattern.js';

const MASK = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d);

/** A WebSocket frame. */
function frame(first: number, payload: Uint8Array, mask: Uint8Array | undefined): Buffer {
  const { length } = payload;
  const long = Buffer.alloc(length < 126 ? 0 : length < 0x1_0000 ? 2 : 8);
  if (long.length === 2) long.writeUInt16BE(length);
  if (long.length === 8) long.writeBigUInt64BE(BigInt(length));
  const short = long.length === 0 ? length : long.length === 2 ? 126 : 127;
  const body = Uint8Array.from(payload);
  if (mask !== undefined) maskWords(body, mask);
  return Buffer.concat([
    Uint8Array.of(first, short | (mask === undefined ? 0 : 0x80)),
    long,
    mask ?? new Uint8Array(),
    body,
  ]);
}

/** What a reader makes of chunks, in order: whole messages, and bytes for `ws`. */
function read(chunks: readonly Buffer[], isMasked: boolean, allow: (bytes: number) => boolean = () => true) {
  const socket = new PassThrough();
  const seen: { readonly message?: Uint8Array; readonly ws?: Uint8Array }[] = [];
  socket.on('data', (bytes: Uint8Array) => seen.push({ ws: Uint8Array.from(bytes) }));
  const reader = new MessageReader(socket, isMasked, {
    alive: () => undefined,
    received: (message) => seen.push({ message }),
    passesOn: (bytes) => allow(bytes),
    failed: () => undefined,
  });
  for (const chunk of chunks) socket.emit('data', Buffer.from(chunk));
  return { seen, reader, socket };
}

function cut(bytes: Buffer, sizeOf: () => number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = sizeOf();
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

describe.each([
  ['a client', MASK],
  ['a server', undefined],
])('messages of %s', (_, mask) => {
  const isMasked = mask !== undefined;

  it('come one by one where they are whole, and `ws` sees nothing of them', () => {
    const messages = [0, 1, 125, 126, 130, 30_000, 0xffff].map((bytes) => pattern(bytes, bytes));
    const bytes = Buffer.concat(messages.map((message) => frame(0x82, message, mask)));
    const { seen } = read([bytes], isMasked);
    expect(seen).toEqual(messages.map((message) => ({ message: Uint8Array.from(message) })));
  });

  it.each([
    ['a text', 0x81, 5],
    ['a first fragment', 0x02, 5],
    ['a compressed one', 0xc2, 5],
    ['a large one', 0x82, 0x1_0000],
    ['a ping', 0x89, 5],
  ])('leave %s to `ws`, whole', (_name, first, bytes) => {
    const other = frame(first, pattern(bytes), mask);
    const { seen } = read([other], isMasked);
    expect(seen).toEqual([{ ws: Uint8Array.from(other) }]);
  });

  it('leave to `ws` what is masked and must not be, and the other way round', () => {
    const wrong = frame(0x82, pattern(5), isMasked ? undefined : MASK);
    expect(read([wrong], isMasked).seen).toEqual([{ ws: Uint8Array.from(wrong) }]);
  });

  it('are the same however they are cut, and `ws` is always between two messages when one is taken out', () => {
    const random = seededRandom(7);
    for (let round = 0; round < 150; round += 1) {
      const parts = Array.from({ length: 30 }, () => {
        const body = pattern(Math.floor(random() * (random() < 0.1 ? 80_000 : 200)), round);
        const kind = random();
        if (kind < 0.7) return frame(0x82, body, mask);
        if (kind < 0.8) return frame(0x89, body.subarray(0, 125), mask);
        const between = random() < 0.5 ? [frame(0x8a, pattern(3), mask)] : [];
        return Buffer.concat([frame(0x02, body, mask), ...between, frame(0x80, pattern(9), mask)]);
      });
      const ends = new Set(parts.map((_part, index) => Buffer.concat(parts.slice(0, index + 1)).length));
      const bytes = Buffer.concat(parts);
      const { seen } = read(
        cut(bytes, () => 1 + Math.floor(random() * (random() < 0.5 ? 8 : 3_000))),
        isMasked,
      );
      let at = 0;
      for (const { message, ws = frame(0x82, message ?? new Uint8Array(), mask) } of seen) {
        if (message !== undefined) expect(at === 0 || ends.has(at)).toBe(true);
        if (Buffer.compare(ws, bytes.subarray(at, at + ws.length)) !== 0) expect.fail(`other bytes at ${at}`);
        at += ws.length;
      }
      expect(at).toBe(bytes.length);
    }
  });

  it('stop where `ws` has found an error, or may not read on', () => {
    const [message, ping] = [frame(0x82, pattern(20), mask), frame(0x89, pattern(5), mask)];
    const { seen, reader, socket } = read([message], isMasked);
    reader.stop();
    socket.emit('data', Buffer.concat([message, ping]));
    expect(seen.length).toBe(1);
    expect(read([message, ping, message], isMasked, () => false).seen.length).toBe(1);
  });

  it.each([
    ['a compressed frame', 0xc2, 5, false],
    ['a reserved opcode', 0x83, 5, false],
    ['a control frame in parts', 0x09, 5, false],
    ['a control frame of 126 bytes', 0x89, 126, false],
    ['a rest without a beginning', 0x80, 5, false],
    ['a mask where there must be none, or none where there must be one', 0x82, 5, true],
  ])('end behind %s, which `ws` sees', (_name, first, bytes, isWrongMask) => {
    const message = frame(0x82, pattern(20), mask);
    const other = isWrongMask ? (isMasked ? undefined : MASK) : mask;
    const broken = frame(first, pattern(bytes), other);
    const { seen } = read([Buffer.concat([message, broken, message, message])], isMasked);
    expect(seen).toEqual([{ message: pattern(20) }, { ws: Uint8Array.from(broken) }]);
  });

  it('leave the listeners of the application alone', () => {
    const socket = new PassThrough();
    const [application, ws, messages] = [0, 0, 0].map(() => [] as Uint8Array[]);
    socket.on('data', (bytes: Uint8Array) => application?.push(bytes));
    socket.on('data', (bytes: Uint8Array) => ws?.push(bytes));
    new MessageReader(socket, isMasked, {
      alive: () => undefined,
      received: (message) => messages?.push(message),
      passesOn: () => true,
      failed: () => undefined,
    });
    const chunk = Buffer.concat([frame(0x82, pattern(20), mask), frame(0x89, pattern(3), mask)]);
    socket.emit('data', chunk);
    expect([application, ws, messages].map((seen) => seen?.length)).toEqual([1, 1, 1]);
    expect(application?.[0]).toBe(chunk);
  });

  it('end behind a close frame, wherever it stands and however it is cut', () => {
    const message = frame(0x82, pattern(20), mask);
    const close = frame(0x88, pattern(9), mask);
    for (const before of [message, frame(0x02, pattern(20), mask)]) {
      const bytes = Buffer.concat([before, close, message, close]);
      for (const size of [1, 3, bytes.length]) {
        const { seen } = read(
          cut(bytes, () => size),
          isMasked,
        );
        const ws = Buffer.concat(seen.map(({ ws = new Uint8Array() }) => ws));
        expect(ws.subarray(-close.length)).toEqual(close);
        expect(ws.indexOf(close)).toBe(ws.length - close.length);
      }
    }
  });
});
