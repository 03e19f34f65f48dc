import { describe, expect, it } from 'vitest';

import { CommErrorCode } from '../../lib/comm-error.js';
import { decodeRefusal, encodeRefusal } from '../../lib/sfm/refusal.js';
import { decodeFrame, NIL_PAYLOAD } from '../../lib/wire/frame.js';
import { encodeMap } from '../../lib/wire/map-codec.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { frameOf } from '../support/bytes.js';

const decoded = (payload: Uint8Array, type: FrameType = FrameType.PONG) =>
  decodeRefusal(decodeFrame(frameOf({ type, appId: 0, streamId: 1 }, payload)));

describe('a refusal', () => {
  it.each([
    ['log in again', 'log in again'],
    ['', ''],
    ['two\nlines', 'two lines'],
  ])('brings %j to the peer as %j', (told, heard) => {
    expect(decoded(encodeRefusal(told))).toBe(heard);
  });

  it('is cleaned by who hears it, too', () => {
    expect(decoded(encodeMap({ refused: 'two\nlines' }).slice())).toBe('two lines');
  });

  it('outlives the next one', () => {
    const first = encodeRefusal('first');
    encodeRefusal('other');
    expect(decoded(first)).toBe('first');
  });

  it.each([
    ['a frame of another type', encodeRefusal('x'), FrameType.READY],
    ['a PONG', NIL_PAYLOAD, FrameType.PONG],
    ['a PONG without a payload', new Uint8Array(0), FrameType.PONG],
    ['a PONG with a map of something else', encodeMap({ refused: 1 }).slice(), FrameType.PONG],
  ])('is not %s', (_, payload, type) => {
    expect(decoded(payload, type)).toBeUndefined();
  });

  it('is BAD_DATA where it is no map', () => {
    const badData = expect.objectContaining({ code: CommErrorCode.BAD_DATA }) as Error;
    expect(() => decoded(Uint8Array.of(0xc1, 0xc1))).toThrow(badData);
  });
});
