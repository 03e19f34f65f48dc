import { describe, expect, it } from 'vitest';

import { decodeBeat, encodeBeat, MAX_HOPS } from '../../lib/cluster/beat.js';
import { CommErrorCode } from '../../lib/comm-error.js';
import { encodeMap } from '../../lib/wire/map-codec.js';

const badData = expect.objectContaining({ code: CommErrorCode.BAD_DATA }) as Error;
const LONG_ID = 'x'.repeat(80);
const hops = (count: number) =>
  Array.from({ length: count }, () => ({ to: LONG_ID, messages: 2 ** 52, bytes: 2 ** 53 - 1 }));

const common = { localName: 'server', replicaTimeoutMs: 500 };

describe('a sign of life', () => {
  it.each([0, 1, MAX_HOPS])('tells of %i hops, however long the IDs and large the figures are', (count) => {
    const beat = { replica: LONG_ID, isJoining: true, isLeaving: false, common, sentTo: hops(count) };
    expect(decodeBeat(encodeBeat(beat))).toEqual(beat);
  });

  it('tells of no more hops than the limit', () => {
    const beat = { replica: 'a', isJoining: false, isLeaving: true, common, sentTo: hops(MAX_HOPS + 1) };
    expect(decodeBeat(encodeBeat(beat))).toEqual({ ...beat, sentTo: hops(MAX_HOPS) });
  });

  it('is understood without hops and options, as the first version sends it, and with fields of a later one', () => {
    const old = encodeMap({ replica: 'a', isLeaving: false }).slice();
    expect(decodeBeat(old)).toEqual({
      replica: 'a',
      isJoining: false,
      isLeaving: false,
      common: undefined,
      sentTo: [],
    });
    const later = encodeMap({ replica: 'a', isLeaving: true, hops: [], load: { cpu: 0.5 } }).slice();
    expect(decodeBeat(later)).toEqual({
      replica: 'a',
      isJoining: false,
      isLeaving: true,
      common: undefined,
      sentTo: [],
    });
  });

  it.each([{}, { localName: 7, replicaTimeoutMs: 500 }, { localName: 'server' }])(
    'tells no options where they are missing, or of another type: %j',
    (told) => {
      const beat = encodeMap({ replica: 'a', isLeaving: false, ...told }).slice();
      expect(decodeBeat(beat).common).toBe(undefined);
    },
  );

  it.each<[string, unknown]>([
    ['no list', 'b'],
    ['null', null],
    ['a hop that is none', ['b']],
    ['a hop without bytes', [['b', 1]]],
    ['a hop with more', [['b', 1, 1, 1]]],
    ['an ID that cannot be', [['b.c', 1, 1]]],
    ['a negative count', [['b', -1, 1]]],
    ['a fraction', [['b', 1, 0.5]]],
    ['a count beyond what is exact', [['b', 2 ** 60, 1]]],
    ['too many hops', hops(MAX_HOPS + 1).map(({ to, messages, bytes }) => [to, messages, bytes])],
  ])('is refused with hops that are forged: %s', (_, forged) => {
    expect(() => decodeBeat(encodeMap({ replica: 'a', hops: forged as never }).slice())).toThrow(badData);
  });

  it('is refused above 8 KiB, before it is decoded', () => {
    const large = encodeMap({ replica: 'a', more: 'x'.repeat(8 * 1_024) }).slice();
    expect(() => decodeBeat(large)).toThrow(/more than 8192 bytes/);
  });
});
