import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  beginFrameMessage,
  decodeFrameMessage,
  PREFIX_BYTES,
} from '../../../lib/drivers/grpc/frame-message.js';
import { CommErrorCode } from '../../../lib/index.js';

/** `Frame(seq, data).SerializeToString().hex()` of NVFlare 2.9.0. */
const RECORDED: readonly { seq: number; data: Uint8Array; hex: string }[] = [
  { seq: 1, data: Buffer.from('abc'), hex: '08011203616263' },
  { seq: 300, data: Uint8Array.of(0, 255), hex: '08ac02120200ff' },
  { seq: 0x7fffffff, data: Buffer.alloc(200, 'x'), hex: `08ffffffff0712c801${'78'.repeat(200)}` },
];

describe('a gRPC frame message', () => {
  it.each(RECORDED)('is encoded as NVFlare does it, seq $seq', ({ seq, data, hex }) => {
    const prefix = `00${(hex.length / 2).toString(16).padStart(8, '0')}`;
    expect(encoded(seq, data).toString('hex')).toBe(prefix + hex);
    expect(encoded(seq, data.subarray(0, 1), data.subarray(1)).toString('hex')).toBe(prefix + hex);
  });

  it.each(RECORDED)('is decoded as NVFlare sends it, seq $seq', ({ data, hex }) => {
    expect(decodeFrameMessage(Buffer.from(hex, 'hex'))).toEqual(new Uint8Array(data));
  });

  it.each([
    ['nothing at all', '', ''],
    ['no data', '0801', ''],
    ['no seq', '1203616263', '616263'],
    ['the data first', '12026162' + '0801', '6162'],
    ['a negative seq, which has ten bytes', '08ffffffffffffffffff01120161', '61'],
    ['the data twice, of which the last counts', '120161' + '120162', '62'],
    ['an unknown number', '18ac02' + '120161', '61'],
    ['unknown bytes', '1a03010203' + '120161', '61'],
    ['an unknown 64-bit value', '190102030405060708' + '120161', '61'],
    ['an unknown 32-bit value', '1d01020304' + '120161', '61'],
    ['a field of the largest number', 'f8ffffff0f01' + '120161', '61'],
  ])('may have %s', (_what, hex, data) => {
    expect(Buffer.from(decodeFrameMessage(Buffer.from(hex, 'hex'))).toString('hex')).toBe(data);
  });

  it.each([
    ['a tag alone', '12'],
    ['a number that does not end', '08ff'],
    ['a number of eleven bytes', '08ffffffffffffffffffff01'],
    ['less data than it says', '1205616263'],
    ['data of a length beyond all memory', '12ffffffffffffffffff01'],
    ['data that is a number', '1001'],
    ['a field of number 0', '0001'],
    ['a group', '1b1c'],
    ['an unknown wire type', '1e01'],
    ['half of a 32-bit value', '1d0102'],
    ['half of a 64-bit value', '1901020304'],
    ['an F3 frame without a message around it', '0000001000000100000000010010000112'],
  ])('is refused with %s', (_what, hex) => {
    expect(() => decodeFrameMessage(Buffer.from(hex, 'hex'))).toThrow(
      expect.objectContaining({ code: CommErrorCode.BAD_DATA }) as Error,
    );
  });

  it('gives back what was put in, as a plain Uint8Array', () => {
    const anything = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(fc.nat({ max: 0x7fffffff }), anything, anything, (seq, head, payload) => {
        const decoded = decodeFrameMessage(encoded(seq, head, payload), PREFIX_BYTES);
        expect(decoded.constructor).toBe(Uint8Array);
        expect(decoded).toEqual(Uint8Array.of(...head, ...payload));
      }),
    );
  });

  it('may have a head of any size', () => {
    const head = new Uint8Array(100_000).fill(7);
    expect(Buffer.compare(decodeFrameMessage(encoded(1, head), PREFIX_BYTES), head)).toBe(0);
  });

  it('ends where it is told, whatever stands behind it', () => {
    const two = Buffer.from('120161' + '1205', 'hex');
    expect(decodeFrameMessage(two, 0, 3)).toEqual(Uint8Array.of(0x61));
    expect(() => decodeFrameMessage(two, 0, 1)).toThrow('in the middle of a number');
    expect(() => decodeFrameMessage(two, 0, 2)).toThrow('wants 1 bytes, but 0 are left');
  });
});

/** A whole message with its prefix. */
function encoded(seq: number, head: Uint8Array, payload: Uint8Array = new Uint8Array(0)): Buffer {
  return Buffer.concat([beginFrameMessage(seq, head, payload.length), payload]);
}
