import { decodeFrame } from '../../../lib/wire/frame.js';
import { FrameType, PREFIX_BYTES, readPrefix, writePrefix } from '../../../lib/wire/prefix.js';
import { concatBytes } from '../../support/bytes.js';
import { greeting, laterFrame, mutateInside } from '../corpus.js';
import { mutate } from '../mutate.js';
import { expectBadData } from '../outcome.js';
import { judgeMap } from '../reference/map.js';
import { type FuzzInput, type FuzzTarget, insist } from '../target.js';

/** The decoder of one frame: lengths that do not fit and headers that are no map are refused, all else comes back as it was. */
export const frameTarget: FuzzTarget = {
  name: 'frame',
  kind: 'pure',
  make(dice) {
    const bytes = dice.chance(0.2) ? greeting(dice) : laterFrame(dice);
    const harm = dice.below(4);
    return {
      parts: [harm === 0 ? bytes : harm === 1 ? mutateInside(bytes, dice) : mutate(bytes, dice)],
      variant: '',
    };
  },
  open: () => Promise.resolve({ check, close: () => Promise.resolve() }),
};

function check({ parts }: FuzzInput): undefined {
  const bytes = concatBytes(parts);
  if (!fits(bytes) || !hasGoodHeaders(bytes)) {
    expectBadData(() => decodeFrame(bytes));
    return;
  }
  const { payload = new Uint8Array(0) } = decodeFrame(bytes);
  const prefix = new Uint8Array(PREFIX_BYTES);
  const { headerLength, ...rest } = readPrefix(bytes);
  writePrefix(prefix, { headerLength, ...rest });
  prefix[7] = bytes[7] ?? 0;
  const headers = bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + headerLength);
  const again = concatBytes([prefix, headers, payload]);
  insist(Buffer.compare(again, bytes) === 0, 'the parts of the frame are not the frame');
}

function hasGoodHeaders(bytes: Uint8Array): boolean {
  const { headerLength, type } = readPrefix(bytes);
  if (headerLength === 0 || type !== FrameType.DATA) return true;
  const { isSound, hasProto } = judgeMap(bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + headerLength));
  return isSound && !hasProto;
}

function fits(bytes: Uint8Array): boolean {
  if (bytes.length < 16) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return view.getUint32(0) === bytes.length && 16 + view.getUint16(4) <= bytes.length;
}
