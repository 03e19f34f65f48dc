import { describe, expect, it } from 'vitest';

import { CommErrorCode } from '../../lib/comm-error.js';
import { decodeFrame, encodeHead, NIL_PAYLOAD } from '../../lib/wire/frame.js';
import { FrameType, MAX_FRAME_BYTES, PREFIX_BYTES } from '../../lib/wire/prefix.js';
import { frameOf, fromHex, toHex } from '../support/bytes.js';
import { goldenFrame, goldenFrames } from '../support/golden.js';

const badData = expect.objectContaining({ code: CommErrorCode.BAD_DATA }) as unknown;
const data = { type: FrameType.DATA, appId: 1, streamId: 17 } as const;

describe('encodeHead', () => {
  const messages = goldenFrames.filter(({ prefix }) => prefix.type === FrameType.DATA);

  it.each(messages)('gives the bytes that NVFlare sent for $name', ({ bytes, prefix, headers, payload }) => {
    const { appId, streamId, sequence } = prefix;
    const encoded = frameOf({ type: FrameType.DATA, appId, streamId, headers }, payload, sequence);
    expect(toHex(encoded)).toBe(toHex(bytes));
  });

  it.each(['ping', 'pong'])('gives the bytes that NVFlare sent for %s', (name) => {
    const { bytes, prefix } = goldenFrame(name);
    const type = name === 'ping' ? FrameType.PING : FrameType.PONG;
    const encoded = frameOf({ type, appId: 0, streamId: prefix.streamId }, NIL_PAYLOAD, prefix.sequence);
    expect(toHex(encoded)).toBe(toHex(bytes));
  });

  it('sends empty headers as none', () => {
    const none = toHex(encodeHead(data, 0));
    expect(toHex(encodeHead({ ...data, headers: {} }, 0))).toBe(none);
    expect(toHex(encodeHead({ ...data, headers: { a: undefined, b: undefined } }, 0))).toBe(none);
    expect(toHex(encodeHead({ ...data, headers: { a: undefined, b: 1 } }, 0))).not.toBe(none);
  });

  it('counts the payload in, which it never touches', () => {
    expect(toHex(encodeHead(data, 0xffff)).slice(0, 8)).toBe('0001000f');
  });

  it('accepts a frame at the limit and refuses one above it', () => {
    expect(encodeHead(data, MAX_FRAME_BYTES - PREFIX_BYTES)).toHaveLength(PREFIX_BYTES);
    expect(() => encodeHead(data, MAX_FRAME_BYTES - PREFIX_BYTES + 1)).toThrow(badData);
    expect(() => encodeHead({ ...data, headers: { a: 1 } }, MAX_FRAME_BYTES - PREFIX_BYTES)).toThrow(badData);
  });

  it('keeps views on small heads, which are most, and makes one for each larger head', () => {
    const headOf = (length: number) => {
      const value = 'x'.repeat(length - PREFIX_BYTES - 7);
      return encodeHead({ ...data, headers: { ab: value } }, 0);
    };
    const small = headOf(1024);
    expect([small.length, headOf(1024) === small]).toEqual([1024, true]);
    const large = headOf(1025);
    expect([large.length, headOf(1025) === large]).toEqual([1025, false]);
  });

  it.each([[[]], [new Date(0)], [new Map()], [new Uint8Array(0)]])(
    'refuses headers that are no plain object: %j',
    (headers) => {
      expect(() => encodeHead({ ...data, headers: headers as never }, 0)).toThrow(badData);
    },
  );

  it('refuses headers over 65,535 bytes and goes on with the next ones', () => {
    expect(() => encodeHead({ ...data, headers: { a: 'x'.repeat(65_536) } }, 0)).toThrow(badData);
    expect(toHex(encodeHead({ ...data, headers: { a: 1 } }, 0))).toBe(
      '0000001400040100000000010011000081a16101',
    );
  });
});

describe('decodeFrame', () => {
  it.each(goldenFrames)('finds in $name what Python found', ({ bytes, prefix, headers, payload }) => {
    const frame = decodeFrame(bytes);
    const { type, appId, streamId, sequence } = prefix;
    expect(frame).toMatchObject({ type, appId, streamId, sequence });
    expect(frame.headers).toEqual(headers);
    expect(frame.payload).toEqual(payload);
  });

  it('shows the payload as a view on the frame', () => {
    const { bytes } = goldenFrame('data');
    const { payload } = decodeFrame(bytes);
    expect(payload?.buffer).toBe(bytes.buffer);
  });

  it('takes a frame apart that stands in the middle of a buffer', () => {
    const { bytes, payload } = goldenFrame('data');
    const buffer = new Uint8Array(bytes.length + 20).fill(0xee);
    buffer.set(bytes, 7);
    expect(decodeFrame(buffer.subarray(7, 7 + bytes.length)).payload).toEqual(payload);
  });

  it('refuses a frame that is cut, at every length', () => {
    const { bytes } = goldenFrame('data-without-payload');
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => decodeFrame(bytes.subarray(0, length))).toThrow(badData);
    }
  });

  it('looks at the headers of messages only', () => {
    const frame = fromHex(`00000011000104000000000000000000c1`);
    expect(decodeFrame(frame)).toMatchObject({
      type: FrameType.HELLO,
      headers: undefined,
      payload: undefined,
    });
  });

  it('passes on types that nobody knows', () => {
    expect(decodeFrame(fromHex('000000100000ff000000000000000000')).type).toBe(255);
  });
});
