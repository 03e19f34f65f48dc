import { describe, expect, it } from 'vitest';

import { WriteBatch } from '../../../lib/drivers/node/write-batch.js';
import { randomMask } from '../../../lib/drivers/websocket/mask.js';
import { MessageFramer } from '../../../lib/drivers/websocket/message-framer.js';
import { pattern } from '../../support/pattern.js';

const MASK = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d);
const fixedMask = (mask: Uint8Array) => mask.set(MASK);
const zeroMask = (mask: Uint8Array) => mask.fill(0);

describe('MessageFramer', () => {
  it('masks a pong as the example of RFC 6455, 5.7 does', () => {
    const batch = new WriteBatch();
    new MessageFramer(fixedMask).pong(batch, Buffer.from('Hello'));
    expect(bytesOf(batch).toString('hex')).toBe('8a8537fa213d7f9f4d5158');
  });

  it.each([
    ['a server', undefined],
    ['a client', fixedMask],
  ])('counts messages of %s as frames, and no pong', (_, generateMask) => {
    const batch = new WriteBatch();
    const framer = new MessageFramer(generateMask);
    framer.message(batch, pattern(16), pattern(9_000));
    framer.pong(batch, pattern(4));
    framer.message(batch, pattern(16));
    expect(batch.frames).toBe(2);
    expect([batch.take(Infinity).frames, batch.frames]).toEqual([2, 0]);
  });

  it.each([
    ['126 bytes', 126, '827e007e'],
    ['256 bytes', 256, '827e0100'],
    ['64 KiB', 65_536, '827f0000000000010000'],
  ])('writes the header of %s as that of the examples', (_, size, header) => {
    const batch = new WriteBatch();
    new MessageFramer().message(batch, pattern(16), pattern(size - 16));
    expect(bytesOf(batch).toString('hex', 0, header.length / 2)).toBe(header);
  });

  it.each([
    ['a server', undefined],
    ['a client', randomMask],
    ['a client with one mask', fixedMask],
    ['a client with an empty mask', zeroMask],
  ])('puts together and masks for %s what a receiver takes apart', (_, generateMask) => {
    const batch = new WriteBatch();
    const framer = new MessageFramer(generateMask);
    const sent: Buffer[] = [];
    for (const headSize of [16, 17, 125, 8_176, 8_192, 65_551])
      for (const payloadSize of [undefined, 0, 1, 2, 3, 109, 110, 8_176, 8_193, 65_519, 65_520, 300_001]) {
        const head = pattern(headSize, 1);
        const payload = payloadSize === undefined ? undefined : pattern(payloadSize, 2);
        sent.push(Buffer.concat(payload === undefined ? [head] : [head, payload]));
        framer.message(batch, head, payload);
        head.fill(0);
      }
    const received = messagesIn(bytesOf(batch), generateMask !== undefined);
    expect(received.length).toBe(sent.length);
    expect(received.every((message, index) => message.equals(sent[index] ?? Buffer.alloc(0)))).toBe(true);
  });

  it('masks a large payload rightly wherever it is cut', () => {
    const batch = new WriteBatch();
    const framer = new MessageFramer(fixedMask);
    const sent = [10_001, 50_003, 9_000].map((size) => [pattern(17, size), pattern(size, 3)] as const);
    for (const [head, payload] of sent) framer.message(batch, head, payload);
    const written: Buffer[] = [];
    for (let most = 1; batch.bytes > 0; most += 7)
      written.push(...batch.take(most).pieces.map((piece) => Buffer.from(piece)));
    const received = messagesIn(Buffer.concat(written), true);
    expect(
      received.map((message) => message.equals(Buffer.concat(sent[received.indexOf(message)] ?? []))),
    ).toEqual([true, true, true]);
  });

  it('keeps a large payload by reference unless it must mask it, and never changes it', () => {
    const payload = pattern(100_000);
    const pieces = [undefined, zeroMask, fixedMask].map((generateMask) => {
      const batch = new WriteBatch();
      new MessageFramer(generateMask).message(batch, pattern(16), payload);
      return batch.take(Infinity).pieces;
    });
    expect(pieces.map((each) => each.includes(payload))).toEqual([true, true, false]);
    expect(payload).toEqual(pattern(100_000));
  });
});

function bytesOf(batch: WriteBatch): Buffer {
  return Buffer.concat(batch.take(Infinity).pieces);
}

/** Takes unfragmented messages apart, by RFC 6455, 5.2. */
function messagesIn(bytes: Buffer, isMasked: boolean): Buffer[] {
  const messages: Buffer[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    expect(bytes[offset]).toBe(0x82);
    const shortLength = bytes.readUInt8(offset + 1) - (isMasked ? 0x80 : 0);
    offset += 2;
    const lengthBytes = shortLength === 127 ? 6 : shortLength === 126 ? 2 : 0;
    // The first two bytes of a long length are always 0 here.
    if (lengthBytes === 6) offset += 2;
    const length = lengthBytes === 0 ? shortLength : bytes.readUIntBE(offset, lengthBytes);
    offset += lengthBytes;
    const mask = isMasked ? bytes.subarray(offset, (offset += 4)) : Buffer.alloc(4);
    const message = Buffer.from(bytes.subarray(offset, (offset += length)));
    for (let index = 0; index < length; index += 1)
      message[index] = (message[index] ?? 0) ^ (mask[index % 4] ?? 0);
    messages.push(message);
  }
  return messages;
}
