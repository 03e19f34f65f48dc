import { describe, expect, it } from 'vitest';

import { readBulk } from '../../lib/cellnet/bulk.js';
import type { CellHeaders } from '../../lib/cellnet/headers.js';
import { CommErrorCode } from '../../lib/comm-error.js';
import type { FobsValue } from '../../lib/fobs/index.js';
import { releaseMemory } from '../../lib/release-memory.js';
import { frameMemory } from '../../lib/wire/frame-memory.js';

const OUTER: CellHeaders = { cn__msg_type: 'req', cn__origin: 'server', cn__destination: 'site-1' };

const bulkOf = (...payloads: readonly FobsValue[]): FobsValue =>
  payloads.map((payload) => ({ channel: 'c', topic: 't', message: { headers: {}, payload } }));

const payloadsOf = (bulk: FobsValue) =>
  Array.from(readBulk(bulk, OUTER), ({ message: { payload } }) => payload);

const refused = expect.objectContaining({ code: CommErrorCode.BAD_DATA }) as Error;

describe('a bulk', () => {
  const many = (count: number) => bulkOf(...Array<null>(count).fill(null));
  const fat = (headers: number): CellHeaders =>
    Object.assign(Object.fromEntries(Array.from({ length: headers - 3 }, (_, i) => [`h${i}`, i])), OUTER);

  it('makes each message when it is asked for, with the headers of the whole, none of which is answered', () => {
    const [first] = readBulk(many(1_000), { ...fat(99), cn__reply_expected: true });
    expect(first?.headers).toMatchObject({ h95: 95, cn__origin: 'server', cn__reply_expected: false });
  });

  it.each<[string, FobsValue, CellHeaders]>([
    ['of more than 1,000 messages', many(1_001), OUTER],
    ['of more than 100 headers, of which each message gets a copy', many(1), fat(101)],
    ['that is no list', {}, OUTER],
    ['of something else than messages', [...(many(1) as FobsValue[]), 7], OUTER],
  ])('%s is refused as a whole', (_name, bulk, outer) => {
    expect(() => readBulk(bulk, outer)).toThrow(refused);
  });
});

describe('the payloads of a bulk', () => {
  const bytes = Uint8Array.of(1, 2);
  const empty = new Uint8Array();

  it('are as they are, or joined of pieces', () => {
    const [one, other, none] = payloadsOf(bulkOf(bytes, [Uint8Array.of(3), Uint8Array.of(4)], null));
    expect([one, other, none]).toEqual([bytes, Uint8Array.of(3, 4), undefined]);
    expect(one).toBe(bytes);
  });

  it.each([
    ['two messages', bulkOf(bytes, bytes)],
    ['a message and a piece of another', bulkOf(bytes, [Uint8Array.of(3), bytes])],
    ['two pieces of one', bulkOf([bytes, bytes])],
  ])('are refused where %s have the same, which would make much of few bytes', (_name, bulk) => {
    expect(() => readBulk(bulk, OUTER)).toThrow(refused);
  });

  it('have one memory, which is not given back by one of them', () => {
    const frame = frameMemory.take(300_000);
    const [one, other] = [frame.subarray(0, 100_000), frame.subarray(100_000)];
    const [first, second] = payloadsOf(bulkOf(one, other));
    expect(first && releaseMemory(first)).toBe(false);
    expect(second).toHaveLength(200_000);
  });

  it('may be empty many times', () => {
    expect(payloadsOf(bulkOf(empty, empty))).toEqual([empty, empty]);
  });
});
