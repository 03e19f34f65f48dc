import { describe, expect, it } from 'vitest';

import { readBulk } from '../../lib/cellnet/bulk.js';
import type { CellHeaders } from '../../lib/cellnet/headers.js';
import { CommErrorCode } from '../../lib/comm-error.js';
import type { FobsValue } from '../../lib/fobs/index.js';

const OUTER: CellHeaders = { cn__msg_type: 'req', cn__origin: 'server', cn__destination: 'site-1' };

const bulkOf = (...payloads: readonly FobsValue[]): FobsValue =>
  payloads.map((payload) => ({ channel: 'c', topic: 't', message: { headers: {}, payload } }));

const payloadsOf = (bulk: FobsValue) => readBulk(bulk, OUTER).map(({ message: { payload } }) => payload);

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
    expect(() => payloadsOf(bulk)).toThrow(expect.objectContaining({ code: CommErrorCode.BAD_DATA }));
  });

  it('may be empty many times', () => {
    expect(payloadsOf(bulkOf(empty, empty))).toEqual([empty, empty]);
  });
});
