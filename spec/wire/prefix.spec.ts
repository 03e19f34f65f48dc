import { describe, expect, it } from 'vitest';

import { CommErrorCode } from '../../lib/comm-error.js';
import {
  frameAppId,
  frameLength,
  frameType,
  MAX_FRAME_BYTES,
  PREFIX_BYTES,
  type Prefix,
  readPrefix,
  stampSequence,
  writePrefix,
} from '../../lib/wire/prefix.js';
import { fromHex, toHex } from '../support/bytes.js';
import { goldenFrames } from '../support/golden.js';

const badData = expect.objectContaining({ code: CommErrorCode.BAD_DATA }) as unknown;

describe('the prefix', () => {
  it.each(goldenFrames)('of the recorded frame $name is read as Python read it', ({ bytes, prefix }) => {
    expect(readPrefix(bytes)).toEqual(prefix);
  });

  it.each(goldenFrames)('of the recorded frame $name is written byte for byte', ({ bytes, prefix }) => {
    const written = new Uint8Array(PREFIX_BYTES);
    writePrefix(written, prefix);
    expect(toHex(written)).toBe(toHex(bytes.subarray(0, PREFIX_BYTES)));
  });

  it('carries every field at its largest value', () => {
    const largest: Prefix = {
      length: 16 + 0xffff,
      headerLength: 0xffff,
      type: 0xff,
      flags: 0xffff,
      appId: 0xffff,
      streamId: 0xffff,
      sequence: 0xffff,
    };
    const frame = new Uint8Array(largest.length);
    writePrefix(frame, largest);
    expect(readPrefix(frame)).toEqual(largest);
  });

  it('is written over what was there, the reserved byte included', () => {
    const dirty = new Uint8Array(PREFIX_BYTES).fill(0xaa);
    writePrefix(dirty, {
      length: 16,
      headerLength: 0,
      type: 1,
      flags: 0,
      appId: 2,
      streamId: 3,
      sequence: 4,
    });
    expect(toHex(dirty)).toBe('00000010000001000000000200030004');
  });

  it('shows lengths beyond 31 bits as positive numbers, at any offset', () => {
    expect(frameLength(fromHex('ffffffff'), 0)).toBe(0xffffffff);
    expect(frameLength(fromHex('00008000000000'), 2)).toBe(0x80000000);
  });

  it.each(goldenFrames)('shows type and app ID of $name without the rest', ({ bytes, prefix }) => {
    expect([frameType(bytes), frameAppId(bytes)]).toEqual([prefix.type, prefix.appId]);
  });

  it('allows what NVFlare allows: 2 GiB less 2 MiB', () => {
    expect(MAX_FRAME_BYTES).toBe(2_145_386_496);
  });

  it('gets its sequence later, and nothing else changes', () => {
    const head = fromHex('00000010000001000000000200030000');
    stampSequence(head, 0xfffe);
    expect(toHex(head)).toBe('0000001000000100000000020003fffe');
  });
});

describe('a prefix that cannot be right is refused as BAD_DATA', () => {
  it.each([
    ['fewer than 16 bytes', '000000100000010000000000000000'],
    ['fewer than 16 bytes, as its length says', '0000000f0000010000000000000000'],
    ['no bytes', ''],
    ['a length over what is there', '00000011000001000000000000000000'],
    ['a length under what is there', '0000001000000100000000000000000000'],
    ['a length that is negative in 32 bits', 'fffffff0000001000000000000000000'],
    ['headers that reach beyond the frame', '00000010000101000000000000000000'],
  ])('%s', (_, hex) => {
    expect(() => readPrefix(fromHex(hex))).toThrow(badData);
  });

  it('and headers that just fit are not', () => {
    expect(readPrefix(fromHex('0000001100010100000000000000000080')).headerLength).toBe(1);
  });
});
