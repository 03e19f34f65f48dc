import { describe, expect, it } from 'vitest';

import { Endpoint } from '../../lib/endpoint.js';
import type { Message } from '../../lib/message.js';
import { PendingMemory } from '../../lib/sfm/pending-memory.js';
import { FakeConnection } from '../support/fake-connection.js';

const endpoint = new Endpoint('site-1');
const connection = new FakeConnection();
const received = (message: Message, bytes = message.payload?.length ?? 0) => ({
  endpoint,
  connection,
  appId: 1,
  message,
  bytes,
});

/** What a message takes beside its memory. */
const OWN_BYTES = 256;
const SLAB_BYTES = 256 * 1024;

describe('the memory of pending messages', () => {
  it('is all of a slab for a small view on it', () => {
    const memory = new PendingMemory();
    memory.hold(received({ payload: new Uint8Array(SLAB_BYTES).subarray(10, 20) }));
    expect(memory.bytes).toBe(SLAB_BYTES + OWN_BYTES);
  });

  it('counts a slab that many share once, until the last of them is released', () => {
    const memory = new PendingMemory();
    const slab = new Uint8Array(SLAB_BYTES);
    const holds = [0, 10, 20].map((start) =>
      memory.hold(received({ payload: slab.subarray(start, start + 10) })),
    );
    const after = [memory.bytes];
    for (const hold of holds) {
      memory.release(hold);
      after.push(memory.bytes);
    }
    expect(after).toEqual([...[3, 2, 1].map((count) => SLAB_BYTES + count * OWN_BYTES), 0]);
  });

  it('counts each slab of its own', () => {
    const memory = new PendingMemory();
    const holds = [1, 2].map(() => memory.hold(received({ payload: new Uint8Array(SLAB_BYTES) })));
    expect(memory.bytes).toBe(2 * (SLAB_BYTES + OWN_BYTES));
    for (const hold of holds) memory.release(hold);
    expect(memory.bytes).toBe(0);
  });

  it('counts a slab once that both headers and payload refer to, and headers as they came', () => {
    const memory = new PendingMemory();
    const slab = new Uint8Array(SLAB_BYTES);
    const headers = { token: slab.subarray(0, 8), list: [slab.subarray(8, 16)] };
    const hold = memory.hold(received({ headers, payload: slab.subarray(16, 26) }, 46));
    // The headers themselves, `token`, `list` and what is in it.
    expect(memory.bytes).toBe(SLAB_BYTES + OWN_BYTES + 36 + 4 * 64);
    headers.list.length = 0;
    memory.release(hold);
    expect(memory.bytes).toBe(0);
  });
});
