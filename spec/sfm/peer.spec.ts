import { describe, expect, it } from 'vitest';

import { CommError, CommErrorCode, QueueFullError } from '../../lib/comm-error.js';
import { OutgoingLink } from '../../lib/cluster/outgoing-link.js';
import { RemoteSink } from '../../lib/cluster/remote-sink.js';
import { Endpoint, EndpointState } from '../../lib/endpoint.js';
import { type CommunicatorOptions, resolveOptions } from '../../lib/options.js';
import { Peer } from '../../lib/sfm/peer.js';
import { Traffic } from '../../lib/sfm/traffic.js';
import { WATCHER_PROPERTIES } from '../../lib/watcher.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { FakeConnection, readySessionOn } from '../support/fake-connection.js';

/** A peer and a session that has done its handshake, so that a READY is sent; `open` lets messages drain into it. */
function setUp(options: CommunicatorOptions = {}) {
  const peer = new Peer('site-1', resolveOptions(options));
  const connection = new FakeConnection();
  const session = readySessionOn(connection);
  const messages = () => connection.frames.filter(({ type }) => type === FrameType.DATA);
  return { peer, connection, session, messages, open: () => peer.drainInto(session) };
}

const payload = (bytes: number) => ({ payload: new Uint8Array(bytes) });

describe('sending to a peer', () => {
  it('counts what went through a sink once, even if that is given again', () => {
    const { peer } = setUp();
    const sink = new RemoteSink(
      1,
      { type: 'endpoint', name: 'site-1', generation: 1 },
      new OutgoingLink(
        1_000,
        () => 1,
        () => undefined,
        () => undefined,
      ),
      1_000,
      () => undefined,
    );
    expect(peer.send(1, {})).toBe(true);
    for (let again = 0; again < 3; again += 1) peer.drainAway({ sinkTo: () => sink });
    expect(peer.stats(new Endpoint('site-1'), undefined).sent.messages).toBe(1);
  });

  it('writes DATA frames with the app ID, headers and payload', () => {
    const { peer, connection, open } = setUp();
    open();
    expect(peer.send(7, { headers: { a: 1 }, payload: Uint8Array.of(9) })).toBe(true);
    expect(connection.sent).toHaveLength(2);
    expect(connection.frames[1]).toMatchObject({ type: 1, appId: 7, payload: Uint8Array.of(9) });
    expect(connection.frames[1]?.headers).toEqual({ a: 1 });
  });

  it('counts stream IDs from 17 on, over all connections and heartbeats', () => {
    const { peer, messages, open } = setUp();
    peer.send(1, {});
    open();
    expect(peer.nextStreamId()).toBe(18);
    peer.send(1, {});
    expect(messages().map(({ streamId }) => streamId)).toEqual([17, 19]);
  });

  it('counts sequences per connection, on from 1 of the READY, in the order of writing', () => {
    const { peer, connection, open } = setUp();
    for (let count = 0; count < 3; count += 1) peer.send(1, {});
    open();
    peer.send(1, {});
    expect(connection.frames.map(({ type, sequence }) => [type, sequence])).toEqual([
      [FrameType.READY, 1],
      [FrameType.DATA, 2],
      [FrameType.DATA, 3],
      [FrameType.DATA, 4],
      [FrameType.DATA, 5],
    ]);
  });

  it('lets the numbers run over 65,535 to 0', () => {
    const { peer, connection, open } = setUp();
    open();
    for (let count = 0; count < 65_540; count += 1) peer.send(1, {});
    expect(peer.nextStreamId()).toBe(21);
    const numbers = connection.frames.map(({ streamId, sequence }) => [streamId, sequence]);
    expect(numbers.slice(65_519, 65_522)).toEqual([
      [65_535, 65_520],
      [0, 65_521],
      [1, 65_522],
    ]);
    expect(numbers.slice(65_534, 65_536)).toEqual([
      [14, 65_535],
      [15, 0],
    ]);
  });

  it('answers false while the connection is full, and true again after drained$', () => {
    const { peer, connection, messages, open } = setUp();
    let drained = 0;
    peer.outbound.drained$.subscribe(() => (drained += 1));
    open();
    connection.fill();
    expect(peer.send(1, {})).toBe(false);
    expect(peer.send(1, {})).toBe(false);
    connection.drain();
    expect(drained).toBe(1);
    expect(peer.send(1, {})).toBe(true);
    expect(messages()).toHaveLength(3);
  });

  it('answers false from the high-water mark on while nothing is settled, with 128 bytes of overhead each', () => {
    const { peer } = setUp({ highWaterMarkBytes: 2 * (128 + 16 + 50) });
    expect(peer.send(1, payload(50))).toBe(true);
    expect(peer.send(1, payload(50))).toBe(false);
  });
});

describe('a peer', () => {
  it('keeps what is sent before there is a session, and while there is none', () => {
    const { peer, messages, open } = setUp();
    peer.send(1, payload(1));
    open();
    peer.drainInto(undefined);
    peer.send(1, payload(2));
    expect([messages().length, peer.outbound.waiting.messages]).toEqual([1, 1]);
    open();
    expect(messages().map((frame) => frame.payload?.length)).toEqual([1, 2]);
  });

  it('drains into the newest session alone', () => {
    const { peer, connection, messages, open } = setUp();
    open();
    connection.fill();
    peer.send(1, payload(1));
    peer.send(1, payload(2));
    const newer = new FakeConnection();
    peer.drainInto(readySessionOn(newer));
    connection.drain();
    peer.send(1, payload(3));
    expect(messages().map((frame) => frame.payload?.length)).toEqual([1]);
    expect(newer.frames.slice(1).map((frame) => frame.payload?.length)).toEqual([2, 3]);
  });

  it('takes messages while its connection is closing, which wait, and leaves the connection to finish', () => {
    const { peer, connection, session, messages, open } = setUp();
    open();
    connection.holdsClose = true;
    let hasEnded = false;
    connection.closed$.subscribe({ complete: () => (hasEnded = true) });
    void session.close();
    peer.send(1, {});
    expect([messages().length, peer.outbound.waiting.messages, hasEnded]).toEqual([0, 1, false]);
  });

  it('refuses headers that have no form on the wire, and takes the next message', () => {
    const { peer, messages, open } = setUp();
    open();
    const bad = { headers: { n: 2n ** 64n } };
    expect(() => peer.send(1, bad)).toThrow(
      expect.objectContaining({ code: CommErrorCode.BAD_DATA }) as Error,
    );
    peer.send(1, payload(1));
    expect(messages()).toHaveLength(1);
  });
});

describe('a peer that is full', () => {
  const limits = { highWaterMarkBytes: 1_000, maxQueuedBytes: 2_000 };

  it('refuses what goes beyond maxQueuedBytes, and keeps what it has', () => {
    const { peer } = setUp(limits);
    peer.send(1, payload(1_000));
    const room = 2_000 - (128 + 16 + 1_000) - 16;
    expect(() => peer.send(1, payload(room + 1))).toThrow(QueueFullError);
    peer.send(1, payload(room));
    expect(() => peer.send(1, payload(0))).toThrow(QueueFullError);
    expect(peer.outbound.waiting).toEqual({ messages: 2, bytes: 16 + 1_000 + 16 + room });
  });

  it('refuses many small messages as well as few large ones, since each has an overhead', () => {
    const { peer } = setUp({ highWaterMarkBytes: 99 * 144, maxQueuedBytes: 100 * 144 });
    for (let count = 0; count < 99; count += 1) peer.send(1, {});
    expect(() => peer.send(1, payload(129))).toThrow(QueueFullError);
    peer.send(1, payload(128));
    expect(() => peer.send(1, {})).toThrow(QueueFullError);
  });

  it('refuses what goes beyond maxQueuedBytes together with what the connection holds', () => {
    const { peer, connection, open } = setUp(limits);
    open();
    connection.fill();
    expect(peer.send(1, {})).toBe(false);
    connection.bufferedBytes = 1_985;
    expect(() => peer.send(1, {})).toThrow(QueueFullError);
    connection.bufferedBytes = 1_984;
    expect(peer.send(1, {})).toBe(false);
  });

  it('refuses nothing any more when it has drained', () => {
    const { peer, connection, open } = setUp(limits);
    open();
    connection.fill();
    peer.send(1, payload(0));
    expect(() => peer.send(1, payload(5_000))).toThrow(QueueFullError);
    connection.drain();
    expect(peer.send(1, payload(5_000))).toBe(true);
  });
});

describe('a peer that is not full', () => {
  it.each([
    ['nothing waits', 0],
    ['something waits', 1],
  ])('takes one message of any size when %s', (_, waiting) => {
    const { peer } = setUp({ highWaterMarkBytes: 1_000, maxQueuedBytes: 2_000 });
    for (let count = 0; count < waiting; count += 1) expect(peer.send(1, payload(0))).toBe(true);
    expect(peer.send(1, payload(10_000))).toBe(false);
    expect(peer.outbound.waiting.messages).toBe(waiting + 1);
    expect(() => peer.send(1, payload(0))).toThrow(QueueFullError);
  });

  it('takes any size, however much the connection holds below its mark', () => {
    const { peer, connection, messages, open } = setUp({ highWaterMarkBytes: 1_000, maxQueuedBytes: 1_000 });
    open();
    connection.bufferedBytes = 999;
    peer.send(1, payload(10_000));
    expect(messages()).toHaveLength(1);
  });
});

describe('the statistics of a peer', () => {
  const endpoint = new Endpoint('site-1', {}, {}, EndpointState.READY);
  const nothing = { messages: 0, bytes: 0 };

  function trafficOf(sent: number, received: number): Traffic {
    const traffic = new Traffic();
    traffic.sent.count(sent);
    traffic.received.count(received);
    return traffic;
  }

  it('are empty at first', () => {
    const { peer } = setUp();
    expect(peer.stats(endpoint, undefined)).toMatchObject({
      name: 'site-1',
      state: EndpointState.READY,
      sent: nothing,
      received: nothing,
      queued: nothing,
      undelivered: nothing,
      unknown: nothing,
      unclaimed: nothing,
    });
  });

  it('add up what all connections carried and lost, the live one too', () => {
    const { peer } = setUp();
    const lost = { undelivered: { messages: 2, bytes: 20 }, unknown: { messages: 1, bytes: 5 } };
    peer.noteEnd(trafficOf(10, 1), lost);
    peer.noteEnd(trafficOf(20, 2), lost);
    expect(peer.stats(endpoint, trafficOf(30, 3))).toMatchObject({
      sent: { messages: 3, bytes: 60 },
      received: { messages: 3, bytes: 6 },
      undelivered: { messages: 4, bytes: 40 },
      unknown: { messages: 2, bytes: 10 },
    });
    expect(peer.stats(endpoint, undefined).sent).toEqual({ messages: 2, bytes: 30 });
  });

  it('say of an endpoint that it only watches', () => {
    const { peer } = setUp();
    const watcher = new Endpoint('site-1', WATCHER_PROPERTIES, {}, EndpointState.READY);
    expect(peer.stats(watcher, undefined).isWatcher).toBe(true);
    expect(peer.stats(endpoint, undefined)).not.toHaveProperty('isWatcher');
  });

  it('show what waits as queued', () => {
    const { peer } = setUp();
    peer.send(1, payload(4));
    expect(peer.stats(endpoint, undefined).queued).toEqual({ messages: 1, bytes: 20 });
  });
});

describe('QueueFullError', () => {
  it('is a CommError NOT_READY that says what to do', () => {
    const error = new QueueFullError('site-1', 5, 10);
    expect(error).toBeInstanceOf(CommError);
    expect(error).toMatchObject({ name: 'QueueFullError', code: CommErrorCode.NOT_READY });
    expect(error.message).toMatch(/site-1 holds 5 of at most 10 bytes.*drained\(\)/);
  });
});
