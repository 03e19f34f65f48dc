import { describe, expect, it } from 'vitest';

import { CommErrorCode, QueueFullError } from '../../lib/comm-error.js';
import { Endpoint } from '../../lib/endpoint.js';
import type { HeaderValue, Message } from '../../lib/message.js';
import { resolveOptions } from '../../lib/options.js';
import type { ReceivedMessage } from '../../lib/received-message.js';
import { Loopback } from '../../lib/sfm/loopback.js';
import { MessageRouter } from '../../lib/sfm/message-router.js';
import { Peer } from '../../lib/sfm/peer.js';

/** What a waiting message takes beside its payload: its prefix and the overhead, here and before. */
const WAITING_BYTES = 128 + 16;

/** A peer that sends to ourselves, as a communicator has it. */
function setUp(highWaterMarkBytes = 1_000, maxQueuedBytes = highWaterMarkBytes, maxPendingBytes = 1_000) {
  const local = new Endpoint('hub');
  const router = new MessageRouter(maxPendingBytes);
  const loopback = new Loopback(local, router, highWaterMarkBytes);
  const peer = new Peer(local.name, resolveOptions({ highWaterMarkBytes, maxQueuedBytes }));
  peer.drainInto(loopback);
  const send = (appId: number, message: Message) => peer.send(appId, message);
  const received: ReceivedMessage[] = [];
  router.messages(1).subscribe((message) => received.push(message));
  return { local, router, loopback, peer, send, received };
}

const payload = (bytes: number) => ({ payload: new Uint8Array(bytes) });
const later = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('a message to ourselves', () => {
  it('arrives at the local receivers, asynchronously and in order', async () => {
    const { local, send, received } = setUp();
    for (const byte of [1, 2, 3]) {
      expect(send(1, { headers: { byte }, payload: Uint8Array.of(byte) })).toBe(true);
    }
    expect(received).toEqual([]);
    await later();
    expect(received.map(({ message }) => message)).toEqual(
      [1, 2, 3].map((byte) => ({ headers: { byte }, payload: Uint8Array.of(byte) })),
    );
    expect(received.every(({ endpoint, appId }) => endpoint === local && appId === 1)).toBe(true);
  });

  it('shows an empty payload as none, as a wire would', async () => {
    const { send, received } = setUp();
    send(1, { payload: new Uint8Array(0) });
    await later();
    expect(received[0]?.message.payload).toBeUndefined();
  });

  it('shows empty headers as none, as a wire would', async () => {
    const { send, received } = setUp();
    send(1, { headers: {} });
    send(1, { headers: { a: undefined } });
    await later();
    expect(received.map(({ message }) => message.headers)).toEqual([undefined, undefined]);
  });

  it('brings the headers as they were when it was sent, in the types that a wire gives', async () => {
    const { send, received } = setUp();
    const [list, bytes] = [[1, 2], Uint8Array.of(7, 8)];
    const headers: Record<string, HeaderValue> = { a: 1, b: 5n, list, bytes };
    send(1, { headers });
    headers.a = 2;
    list.push(3);
    bytes.fill(0);
    send(1, { headers: { text: 'x'.repeat(100) } });
    await later();
    expect(received[0]?.message.headers).toEqual({ a: 1, b: 5, list: [1, 2], bytes: Uint8Array.of(7, 8) });
  });

  it('may be answered with another from its receiver', async () => {
    const { router, send } = setUp();
    const counts: unknown[] = [];
    router.register(2, ({ message }) => {
      const count = message.payload?.length ?? 0;
      counts.push(count);
      if (count < 3) send(2, { payload: new Uint8Array(count + 1) });
    });
    send(2, { payload: new Uint8Array(1) });
    while (counts.length < 3) await later();
    expect(counts).toEqual([1, 2, 3]);
  });

  it('comes after what waits already, however many its receivers send', async () => {
    const { router, send } = setUp();
    let [calls, isOver] = [0, false];
    router.register(2, () => {
      calls += 1;
      queueMicrotask(() => (isOver = true));
      if (!isOver && calls < 1_000) send(2, {});
    });
    send(2, {});
    await later();
    expect(calls).toBe(2);
  });

  it('comes on a connection that cannot be sent on', async () => {
    const { send, received } = setUp();
    send(1, {});
    await later();
    const connection = received[0]?.connection;
    expect(connection?.name).toBe('CN00000');
    expect(connection?.properties).toEqual({ local_addr: '0.0.0.0:0', peer_addr: '0.0.0.0:0' });
    const notSupported = expect.objectContaining({ code: CommErrorCode.NOT_SUPPORTED }) as Error;
    expect(() => connection?.send(new Uint8Array(16))).toThrow(notSupported);
    await expect(connection?.close()).resolves.toBeUndefined();
  });

  it('is refused when it has no form on the wire', async () => {
    const { send, received } = setUp();
    const badData = expect.objectContaining({ code: CommErrorCode.BAD_DATA }) as Error;
    expect(() => send(1, { headers: { n: 2n ** 64n } })).toThrow(badData);
    await later();
    expect(received).toEqual([]);
  });
});

describe('a payload to ourselves', () => {
  it('arrives as a plain Uint8Array on the same memory, whatever was sent', async () => {
    const { send, received } = setUp();
    const memory = Buffer.from([0, 7, 8, 0]);
    send(1, { payload: memory.subarray(1, 3) });
    await later();
    const arrived = received[0]?.message.payload;
    expect(Buffer.isBuffer(arrived)).toBe(false);
    expect(arrived).toEqual(Uint8Array.of(7, 8));
    expect([arrived?.buffer, arrived?.byteOffset]).toEqual([memory.buffer, memory.byteOffset + 1]);
  });

  it('is counted with its headers as the bytes that it took', async () => {
    const { send, received } = setUp();
    send(1, payload(5));
    send(1, { headers: { a: 1 }, payload: new Uint8Array(5) });
    await later();
    expect(received.map(({ bytes }) => bytes)).toEqual([16 + 5, 16 + 4 + 5]);
  });
});

describe('the queue to ourselves', () => {
  it('answers false at the high-water mark, and drains when there is room again', async () => {
    const { send, peer, received } = setUp(2 * WAITING_BYTES, 1_000_000);
    let drained = 0;
    peer.outbound.drained$.subscribe(() => (drained += 1));
    expect([1, 2, 3, 4].map(() => send(1, {}))).toEqual([true, false, false, false]);
    expect([drained, received.length]).toEqual([0, 0]);
    while (received.length < 4) await later();
    expect(drained).toBe(1);
    expect(send(1, {})).toBe(true);
  });

  it('keeps the order over many rounds of full and drained', async () => {
    const { send, received } = setUp(3 * WAITING_BYTES, 1_000_000);
    for (let count = 0; count < 100; count += 1) send(1, { headers: { count } });
    while (received.length < 100) await later();
    expect(received.map(({ message }) => message.headers?.count)).toEqual(received.map((_, index) => index));
  });

  it('refuses what goes beyond maxQueuedBytes when it is full, and takes it when its messages have arrived', async () => {
    const { send, received } = setUp(WAITING_BYTES + 60, 2 * WAITING_BYTES + 68);
    send(1, payload(60));
    expect(() => send(1, payload(128 + 9))).toThrow(QueueFullError);
    send(1, payload(8));
    expect(() => send(1, {})).toThrow(QueueFullError);
    while (received.length < 2) await later();
    send(1, payload(128 + 9));
    await later();
    expect(received).toHaveLength(3);
  });

  it('is limited in count as well, since each message has an overhead', async () => {
    const { send, received } = setUp(5 * WAITING_BYTES, 10 * WAITING_BYTES);
    let accepted = 0;
    const flood = () => {
      for (;;) {
        send(1, {});
        accepted += 1;
      }
    };
    expect(flood).toThrow(QueueFullError);
    expect(accepted).toBe(10);
    while (received.length < 10) await later();
  });

  it('takes one message of any size when it is not full', async () => {
    const { send, received } = setUp(100);
    send(1, payload(1_000_000));
    await later();
    expect(received).toHaveLength(1);
  });

  it('is told as the bytes of its messages, wherever they wait', async () => {
    const { send, peer, received } = setUp(WAITING_BYTES, 1_000);
    for (let count = 0; count < 3; count += 1) send(1, payload(10));
    expect(peer.outbound.backlog).toEqual({ messages: 3, bytes: 3 * (16 + 10) });
    while (received.length < 3) await later();
    expect(peer.outbound.backlog).toEqual({ messages: 0, bytes: 0 });
  });

  it('still delivers what it has when it is completed', async () => {
    const { send, loopback, received } = setUp();
    let isOver = false;
    loopback.frames$.subscribe({ complete: () => (isOver = true) });
    send(1, {});
    loopback.complete();
    await later();
    expect([isOver, received.length]).toEqual([true, 1]);
  });

  it('waits while a receiver has paused it, and goes on where it stopped', async () => {
    const { send, router, loopback } = setUp();
    const seen: unknown[] = [];
    router.register(2, ({ message, connection }) => {
      seen.push(message.headers?.count);
      if (seen.length === 2) connection.pause();
    });
    for (const count of [1, 2, 3]) send(2, { headers: { count } });
    await later();
    await later();
    expect([seen, loopback.bufferedMessages, loopback.bufferedFrames]).toEqual([[1, 2], 1, 1]);
    loopback.resume();
    await later();
    expect([seen, loopback.bufferedMessages, loopback.bufferedBytes]).toEqual([[1, 2, 3], 0, 0]);
  });

  it('is paused while our receivers hold more than maxPendingBytes', async () => {
    const { send, router } = setUp(1_000, 1_000, 256);
    const finish: (() => void)[] = [];
    router.register(2, () => new Promise<void>((resolve) => finish.push(resolve)));
    for (let count = 0; count < 3; count += 1) send(2, {});
    await later();
    await later();
    expect(finish).toHaveLength(1);
    for (let count = 1; count <= 3; count += 1) {
      while (finish.length < count) await later();
      finish[count - 1]?.();
    }
  });
});
