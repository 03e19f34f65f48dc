import { describe, expect, it } from 'vitest';

import { CommErrorCode } from '../../lib/comm-error.js';
import { Endpoint } from '../../lib/endpoint.js';
import type { LifecycleEvent } from '../../lib/lifecycle.js';
import type { Message } from '../../lib/message.js';
import type { MessageReceiver, ReceivedMessage } from '../../lib/received-message.js';
import { MessageRouter } from '../../lib/sfm/message-router.js';
import { frameMemory } from '../../lib/wire/frame-memory.js';
import { FakeConnection } from '../support/fake-connection.js';

const endpoint = new Endpoint('site-1');

function setUp(maxPendingBytes = 100) {
  const router = new MessageRouter(maxPendingBytes);
  const events: LifecycleEvent[] = [];
  router.events$.subscribe((event) => events.push(event));
  const connection = new FakeConnection();
  connection.frames$.subscribe();
  const route = (appId: number, message: Message = {}, bytes = message.payload?.length ?? 0) =>
    router.route({ endpoint, connection, appId, message, bytes });
  return { router, connection, route, events };
}

/** What a pending message takes beside its bytes. */
const OVERHEAD_BYTES = 256;

const payload = (bytes: number): Message => ({ payload: new Uint8Array(bytes) });

function fail(): never {
  throw new Error('boom');
}

/** Lets promises that are settled go on. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('messages(appId)', () => {
  it('gives each subscriber the messages of its app ID, in order, as they came', () => {
    const { router, connection, route } = setUp();
    const seen: ReceivedMessage[][] = [[], [], []];
    router.messages(1).subscribe((received) => seen[0]?.push(received));
    router.messages(1).subscribe((received) => seen[1]?.push(received));
    router.messages(2).subscribe((received) => seen[2]?.push(received));
    const messages = [payload(1), payload(2)];
    for (const message of messages) route(1, message);
    const expected = messages.map((message, index) => ({
      endpoint,
      connection,
      appId: 1,
      message,
      bytes: index + 1,
    }));
    expect(seen).toEqual([expected, expected, []]);
  });

  it('gives nothing from before the subscription, nor after its end', () => {
    const { router, route } = setUp();
    const sizes: unknown[] = [];
    route(1, payload(1));
    const subscription = router.messages(1).subscribe(({ message }) => sizes.push(message.payload?.length));
    route(1, payload(2));
    subscription.unsubscribe();
    route(1, payload(3));
    expect(sizes).toEqual([2]);
  });

  it('completes with the router', () => {
    const { router } = setUp();
    let completed = 0;
    router.messages(1).subscribe({ complete: () => (completed += 1) });
    router.register(2, () => undefined).add(() => (completed += 1));
    router.complete();
    expect(completed).toBe(2);
  });
});

describe('events$', () => {
  it('completes with the router', () => {
    const { router } = setUp();
    let completed = false;
    router.events$.subscribe({ complete: () => (completed = true) });
    router.complete();
    expect(completed).toBe(true);
  });
});

describe('a router that is complete', () => {
  it('completes whoever comes late, at once', () => {
    const { router } = setUp();
    router.complete();
    let completed = false;
    router.messages(1).subscribe({ complete: () => (completed = true) });
    expect(completed).toBe(true);
  });
});

describe('a receiver', () => {
  it('may be a function', () => {
    const { router, connection, route } = setUp();
    const seen: ReceivedMessage[] = [];
    router.register(1, (received) => seen.push(received));
    route(1, payload(3));
    expect(seen).toEqual([{ endpoint, connection, appId: 1, message: payload(3), bytes: 3 }]);
  });

  it('may be an object, whose method keeps its this', () => {
    const { router, connection, route } = setUp();
    class Receiver {
      readonly seen: unknown[] = [];
      processMessage(...received: unknown[]): void {
        this.seen.push(received);
      }
    }
    const receiver = new Receiver();
    router.register(1, receiver);
    route(1, payload(3));
    expect(receiver.seen).toEqual([[endpoint, connection, 1, payload(3)]]);
  });

  it('is the only one of its app ID: a second one is BAD_CONFIG, and the first one stays', () => {
    const { router, route } = setUp();
    const seen: string[] = [];
    router.register(1, () => seen.push('first'));
    const second = () => router.register(1, () => seen.push('second'));
    expect(second).toThrow(expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error);
    route(1);
    expect(seen).toEqual(['first']);
  });

  it('makes room for another when it is unsubscribed', () => {
    const { router, route } = setUp();
    const seen: string[] = [];
    router.register(1, () => seen.push('first')).unsubscribe();
    router.register(1, () => seen.push('second'));
    route(1);
    expect(seen).toEqual(['second']);
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['an object without processMessage', { process: () => undefined }],
    ['an object whose processMessage is no function', { processMessage: 'text' }],
  ])('that is %s is BAD_CONFIG, and leaves its app ID free', (_, none) => {
    const { router, route } = setUp();
    const register = () => router.register(1, none as MessageReceiver);
    expect(register).toThrow(expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error);
    const seen: string[] = [];
    router.register(1, () => seen.push('another'));
    route(1);
    expect(seen).toEqual(['another']);
  });

  it('may take itself away for the next message', () => {
    const { router, route, events } = setUp();
    let calls = 0;
    const subscription = router.register(1, () => {
      calls += 1;
      subscription.unsubscribe();
    });
    route(1);
    route(1);
    expect(calls).toBe(1);
    expect(events).toMatchObject([{ type: 'dropped' }]);
  });

  it('that throws is reported with its error as the cause, and gets the next message', () => {
    const { router, route, events } = setUp();
    const boom = new Error('boom');
    let calls = 0;
    router.register(1, () => {
      calls += 1;
      throw boom;
    });
    route(1);
    route(1);
    expect(calls).toBe(2);
    const error = {
      code: CommErrorCode.ERROR,
      cause: boom,
      message: expect.stringMatching(/site-1: boom/) as unknown,
    };
    const report = { type: 'callback-error', callback: 'receiver', error };
    expect(events).toMatchObject([report, report]);
  });

  it('that rejects is reported and gets the next message', async () => {
    const { router, route, events } = setUp();
    let calls = 0;
    router.register(1, async () => {
      calls += 1;
      await Promise.resolve();
      throw new Error(`boom ${calls}`);
    });
    route(1, payload(1));
    await settled();
    route(1, payload(1));
    await settled();
    expect(events.map(({ type }) => type)).toEqual(['callback-error', 'callback-error']);
    expect(calls).toBe(2);
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['text', 'text'],
    ['a symbol', Symbol('s')],
    ['an object without a prototype', Object.create(null) as unknown],
  ])('may throw what is no Error: %s', (_, thrown) => {
    const { router, route, events } = setUp();
    router.register(1, () => {
      throw thrown as Error;
    });
    route(1);
    expect(events).toMatchObject([{ type: 'callback-error', error: { cause: thrown } }]);
  });

  it('that throws does not keep a message from the subscribers beside it', () => {
    const { router, route } = setUp();
    let seen = 0;
    router.register(1, () => {
      throw new Error('boom');
    });
    router.messages(1).subscribe(() => (seen += 1));
    route(1);
    expect(seen).toBe(1);
  });
});

describe('receivers that return promises', () => {
  it('pause their connection above the limit, and resume it when half is done', async () => {
    const { router, connection, route } = setUp(100 + 2 * OVERHEAD_BYTES);
    const finish: (() => void)[] = [];
    router.register(1, () => new Promise<void>((resolve) => finish.push(resolve)));
    const pausedAfter = [60, 40, 0].map((bytes) => {
      route(1, payload(bytes));
      return connection.isPaused;
    });
    expect(pausedAfter).toEqual([false, false, true]);
    const pausedThen: boolean[] = [];
    while (finish.length > 0) {
      finish.shift()?.();
      await settled();
      pausedThen.push(connection.isPaused);
    }
    expect(pausedThen).toEqual([true, false, false]);
    expect([connection.pauses, connection.resumes]).toEqual([1, 1]);
  });

  it('pause it a second time after it was resumed, also when some of the first are not done', async () => {
    const { router, connection, route } = setUp(4 * OVERHEAD_BYTES);
    const finish: (() => void)[] = [];
    router.register(1, () => new Promise<void>((resolve) => finish.push(resolve)));
    const paused: boolean[] = [];
    for (const messages of [5, 3]) {
      for (let count = 0; count < messages; count += 1) route(1);
      paused.push(connection.isPaused);
      for (const done of finish.splice(0, 3)) done();
      await settled();
      paused.push(connection.isPaused);
    }
    expect(paused).toEqual([true, false, true, false]);
    expect([connection.pauses, connection.resumes]).toEqual([2, 2]);
  });

  it('that reject give their bytes back too', async () => {
    const { router, connection, route } = setUp(10);
    router.register(1, () => Promise.reject(new Error('boom')));
    for (let count = 0; count < 20; count += 1) {
      route(1, payload(20));
      expect(connection.isPaused).toBe(true);
      await settled();
      expect(connection.isPaused).toBe(false);
    }
  });

  it.each<[string, object]>([
    ['whose then throws', { then: fail }],
    ['whose then cannot be read', Object.defineProperty({}, 'then', { get: fail })],
    ['whose then is no function', { then: 'text' }],
  ])('may be thenables %s: they are reported, and give their bytes back', (_, thenable) => {
    const { router, connection, route, events } = setUp(10);
    router.register(1, () => thenable);
    route(1, payload(20));
    expect([connection.pauses, connection.isPaused, router.pendingBytes(connection)]).toEqual([1, false, 0]);
    expect(events).toMatchObject([{ type: 'callback-error', callback: 'receiver' }]);
  });

  it('give their bytes back once, however often their thenable says that it is done', () => {
    const { router, connection, route, events } = setUp(10);
    const calls = (done: () => void, failed: (error: unknown) => void) => {
      done();
      done();
      failed('late');
      fail();
    };
    router.register(1, () => ({ then: calls }));
    route(1, payload(20));
    expect([router.pendingBytes(connection), events]).toEqual([0, []]);
  });

  it('count the headers of their messages, and each message itself', () => {
    const pending = new Promise<never>(() => undefined);
    const pausedAt = (maxPendingBytes: number, bytes: number) => {
      const { router, connection, route } = setUp(maxPendingBytes);
      router.register(1, () => pending);
      let count = 0;
      while (!connection.isPaused && count < 1_000) {
        route(1, {}, bytes);
        count += 1;
      }
      return count;
    };
    expect(pausedAt(100_000, 10_000 - OVERHEAD_BYTES)).toBe(11);
    expect(pausedAt(100 * OVERHEAD_BYTES, 0)).toBe(101);
  });

  it('count each value of the headers, nested ones too, until they are done', async () => {
    const { router, connection, route } = setUp();
    let finish: () => void = () => undefined;
    router.register(1, () => new Promise<void>((resolve) => (finish = resolve)));
    expect(router.pendingBytes(connection)).toBe(0);
    const headers = { a: 1, list: ['x', { b: null }], bytes: new Uint8Array(9), none: undefined };
    route(1, { headers }, 50);
    // The headers, `a`, `list` and what is in it, `bytes` and its memory.
    expect(router.pendingBytes(connection)).toBe(50 + OVERHEAD_BYTES + 7 * 64 + 9);
    finish();
    await settled();
    expect(router.pendingBytes(connection)).toBe(0);
  });

  it('pause their connection when small messages keep large slabs', async () => {
    const { router, connection, route } = setUp(10 * 256 * 1024);
    const finish: (() => void)[] = [];
    router.register(1, () => new Promise<void>((resolve) => finish.push(resolve)));
    while (!connection.isPaused && finish.length < 1_000)
      route(1, { payload: new Uint8Array(256 * 1024).subarray(0, 10) });
    expect(finish).toHaveLength(10);
    for (const done of finish) done();
    await settled();
    expect([connection.isPaused, router.pendingBytes(connection)]).toEqual([false, 0]);
  });

  it('leave a pause of the user alone', async () => {
    const { router, connection, route } = setUp();
    router.register(1, () => Promise.resolve());
    connection.pause();
    route(1, payload(1_000));
    await settled();
    expect([connection.isPaused, connection.resumes]).toEqual([true, 0]);
  });

  it('leave a pause alone that the user makes during theirs, and theirs is left alone by him', async () => {
    const { router, connection, route } = setUp();
    let finish: () => void = () => undefined;
    router.register(1, () => new Promise<void>((resolve) => (finish = resolve)));
    route(1, payload(1_000));
    connection.pause();
    connection.resume();
    expect([connection.isPaused, connection.resumes]).toEqual([true, 0]);
    connection.pause();
    finish();
    await settled();
    expect([connection.isPaused, connection.resumes]).toEqual([true, 0]);
    connection.resume();
    expect([connection.isPaused, connection.pauses, connection.resumes]).toEqual([false, 1, 1]);
  });

  it('leave other connections alone', async () => {
    const { router, connection, route } = setUp(10 + OVERHEAD_BYTES);
    const other = new FakeConnection();
    let finish: () => void = () => undefined;
    router.register(1, () => new Promise<void>((resolve) => (finish = resolve)));
    route(1, payload(20));
    router.route({ endpoint, connection: other, appId: 1, message: payload(5), bytes: 5 });
    expect([connection.isPaused, other.isPaused]).toEqual([true, false]);
    finish();
    await settled();
  });

  it('never pause when they are done before they return', () => {
    const { router, connection, route } = setUp(10);
    router.register(1, () => 'done');
    route(1, payload(1_000));
    expect(connection.pauses).toBe(0);
  });
});

describe('messages without a receiver', () => {
  it('are counted per app ID and told at 1, 2, 4 and 8', () => {
    const { route, events } = setUp();
    for (let count = 0; count < 10; count += 1) route(5, payload(3));
    route(6);
    const dropped = { type: 'dropped', reason: 'no-receiver', endpointName: 'site-1' };
    expect(events).toEqual([
      { ...dropped, appId: 5, messages: 1, bytes: 3 },
      { ...dropped, appId: 5, messages: 2, bytes: 6 },
      { ...dropped, appId: 5, messages: 4, bytes: 12 },
      { ...dropped, appId: 5, messages: 8, bytes: 24 },
      { ...dropped, appId: 6, messages: 1, bytes: 0 },
    ]);
  });

  it('are said so to who routes them', () => {
    const { router, route } = setUp();
    router.messages(5).subscribe();
    expect([route(5), route(6)]).toEqual([true, false]);
  });

  it('are not those that somebody hears', () => {
    const { router, route, events } = setUp();
    router.messages(5).subscribe();
    route(5);
    expect(events).toEqual([]);
  });
});

describe('a receiver that borrows', () => {
  /** A message whose payload has its memory alone, as a large one of a transport. */
  const large = () => {
    const frame = frameMemory.own(new Uint8Array(300_000).fill(7));
    return { frame, message: { payload: frame.subarray(20) } };
  };

  it('has a large payload until it returns, and finds what it kept empty', () => {
    const { router, route } = setUp();
    const seen: number[] = [];
    const kept: (Uint8Array | undefined)[] = [];
    router.register(
      1,
      ({ message: { payload } }) => {
        seen.push(payload?.[0] ?? 0, payload?.length ?? 0);
        kept.push(payload);
      },
      true,
    );
    const { frame, message } = large();
    route(1, message);
    expect([...seen, kept[0]?.length, frame.length]).toEqual([7, 299_980, 0, 0]);
  });

  it.each(['fulfilled', 'rejected'])('has it until its promise is %s', async (end) => {
    const { router, route, connection } = setUp();
    let settle = (): void => undefined;
    const work = () =>
      new Promise<void>((resolve, reject) => {
        settle = end === 'fulfilled' ? resolve : () => reject(new Error('boom'));
      });
    router.register(1, work, true);
    const { frame, message } = large();
    route(1, message);
    expect([frame.length, router.pendingBytes(connection) > 0]).toEqual([300_000, true]);
    settle();
    await settled();
    expect([frame.length, router.pendingBytes(connection)]).toEqual([0, 0]);
  });

  it('has it until it throws', () => {
    const { router, route, events } = setUp();
    router.register(1, fail, true);
    const { frame, message } = large();
    route(1, message);
    expect([frame.length, events.length]).toEqual([0, 1]);
  });

  it('empties nothing that others see as well', () => {
    const { router, route } = setUp();
    router.messages(1).subscribe();
    router.register(1, () => undefined, true);
    const { frame, message } = large();
    route(1, message);
    expect(frame.length).toBe(300_000);
  });

  it('is one that says so', () => {
    const { router, route } = setUp();
    router.register(1, () => undefined);
    const { frame, message } = large();
    route(1, message);
    route(1, {});
    expect(frame.length).toBe(300_000);
  });
});
