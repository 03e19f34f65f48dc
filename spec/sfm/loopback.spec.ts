import { Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { QueueFullError } from '../../lib/comm-error.js';
import { CommErrorCode } from '../../lib/comm-error.js';
import { Endpoint } from '../../lib/endpoint.js';
import type { LifecycleEvent } from '../../lib/lifecycle.js';
import type { HeaderValue } from '../../lib/message.js';
import type { ReceivedMessage } from '../../lib/received-message.js';
import { Loopback } from '../../lib/sfm/loopback.js';
import { MessageRouter } from '../../lib/sfm/message-router.js';

function setUp(maxQueuedBytes = 1_000) {
  const local = new Endpoint('hub');
  const router = new MessageRouter(1_000, new Subject<LifecycleEvent>());
  const loopback = new Loopback(local, router, maxQueuedBytes);
  const received: ReceivedMessage[] = [];
  router.messages(1).subscribe((message) => received.push(message));
  return { local, router, loopback, received };
}

const later = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('a message to ourselves', () => {
  it('arrives at the local receivers, asynchronously and in order', async () => {
    const { local, loopback, received } = setUp();
    for (const byte of [1, 2, 3]) {
      expect(loopback.send(1, { headers: { byte }, payload: Uint8Array.of(byte) })).toBe(true);
    }
    expect(received).toEqual([]);
    await later();
    expect(received.map(({ message }) => message)).toEqual(
      [1, 2, 3].map((byte) => ({ headers: { byte }, payload: Uint8Array.of(byte) })),
    );
    expect(received.every(({ endpoint, appId }) => endpoint === local && appId === 1)).toBe(true);
  });

  it('shows an empty payload as none, as a wire would', async () => {
    const { loopback, received } = setUp();
    loopback.send(1, { payload: new Uint8Array(0) });
    await later();
    expect(received[0]?.message.payload).toBeUndefined();
  });

  it('shows empty headers as none, as a wire would', async () => {
    const { loopback, received } = setUp();
    loopback.send(1, { headers: {} });
    loopback.send(1, { headers: { a: undefined } });
    await later();
    expect(received.map(({ message }) => message.headers)).toEqual([undefined, undefined]);
  });

  it('brings the headers as they were when it was sent, in the types that a wire gives', async () => {
    const { loopback, received } = setUp();
    const [list, bytes] = [[1, 2], Uint8Array.of(7, 8)];
    const headers: Record<string, HeaderValue> = { a: 1, b: 5n, list, bytes };
    loopback.send(1, { headers });
    headers.a = 2;
    list.push(3);
    bytes.fill(0);
    loopback.send(1, { headers: { text: 'x'.repeat(100) } });
    await later();
    expect(received[0]?.message.headers).toEqual({ a: 1, b: 5, list: [1, 2], bytes: Uint8Array.of(7, 8) });
  });

  it('may be answered with another from its receiver', async () => {
    const { router, loopback } = setUp();
    const counts: unknown[] = [];
    router.register(2, ({ message }) => {
      const count = message.payload?.length ?? 0;
      counts.push(count);
      if (count < 3) loopback.send(2, { payload: new Uint8Array(count + 1) });
    });
    loopback.send(2, { payload: new Uint8Array(1) });
    while (counts.length < 3) await later();
    expect(counts).toEqual([1, 2, 3]);
  });

  it('comes on a connection that cannot be sent on', async () => {
    const { loopback, received } = setUp();
    loopback.send(1, {});
    await later();
    const connection = received[0]?.connection;
    expect(connection?.properties).toEqual({ local_addr: '0.0.0.0:0', peer_addr: '0.0.0.0:0' });
    const notSupported = expect.objectContaining({ code: CommErrorCode.NOT_SUPPORTED }) as Error;
    expect(() => connection?.send(new Uint8Array(16))).toThrow(notSupported);
    await expect(connection?.close()).resolves.toBeUndefined();
  });

  it('is refused when it has no form on the wire', async () => {
    const { loopback, received } = setUp();
    const badData = expect.objectContaining({ code: CommErrorCode.BAD_DATA }) as Error;
    expect(() => loopback.send(1, { headers: { n: 2n ** 64n } })).toThrow(badData);
    await later();
    expect(received).toEqual([]);
  });
});

describe('the queue to ourselves', () => {
  it('is limited, and free again when its messages have arrived', async () => {
    const { loopback, received } = setUp(2 * (128 + 16) + 68);
    loopback.send(1, { payload: new Uint8Array(60) });
    expect(() => loopback.send(1, { payload: new Uint8Array(9) })).toThrow(QueueFullError);
    loopback.send(1, { payload: new Uint8Array(8) });
    expect(() => loopback.send(1, {})).toThrow(QueueFullError);
    await later();
    loopback.send(1, { payload: new Uint8Array(60) });
    await later();
    expect(received).toHaveLength(3);
  });

  it('is limited in count as well, since each message has an overhead', async () => {
    const { loopback, received } = setUp(10 * (128 + 16));
    for (let count = 0; count < 10; count += 1) loopback.send(1, {});
    expect(() => loopback.send(1, {})).toThrow(QueueFullError);
    await later();
    expect(received).toHaveLength(10);
  });

  it('takes one message of any size when it is empty', async () => {
    const { loopback, received } = setUp(100);
    loopback.send(1, { payload: new Uint8Array(1_000) });
    await later();
    expect(received).toHaveLength(1);
  });

  it('still delivers what it has when it is completed', async () => {
    const { loopback, received } = setUp();
    loopback.send(1, {});
    loopback.complete();
    await later();
    expect(received).toHaveLength(1);
  });
});
