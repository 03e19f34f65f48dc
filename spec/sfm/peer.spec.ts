import { describe, expect, it } from 'vitest';

import { QueueFullError } from '../../lib/comm-error.js';
import { CommError, CommErrorCode } from '../../lib/comm-error.js';
import { Endpoint, EndpointState } from '../../lib/endpoint.js';
import { type CommunicatorOptions, resolveOptions } from '../../lib/options.js';
import { Peer } from '../../lib/sfm/peer.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { FakeConnection, readySessionOn, sessionOn } from '../support/fake-connection.js';

/** A peer whose connection has done its handshake, so that a READY is sent, and opens for messages when told. */
function setUp(options: CommunicatorOptions = {}, state: EndpointState = EndpointState.READY) {
  const peer = new Peer(new Endpoint('site-1', {}, {}, state), resolveOptions(options));
  const connection = new FakeConnection();
  const session = readySessionOn(connection);
  peer.session = session;
  const messages = () => connection.frames.filter(({ type }) => type === FrameType.DATA);
  return { peer, connection, session, messages, open: () => peer.queue.open(session) };
}

const payload = (bytes: number) => ({ payload: new Uint8Array(bytes) });
const notReady = expect.objectContaining({ code: CommErrorCode.NOT_READY }) as Error;

describe('sending to a peer', () => {
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
    peer.drained$.subscribe(() => (drained += 1));
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

describe('a peer refuses', () => {
  it.each([
    [EndpointState.DISCONNECTED, CommErrorCode.CLOSED],
    [EndpointState.IDLE, CommErrorCode.NOT_READY],
    [EndpointState.CLOSING, CommErrorCode.NOT_READY],
    [EndpointState.ERROR, CommErrorCode.NOT_READY],
  ])('messages while it is %s: %s', (state, code) => {
    const { peer } = setUp({}, state);
    expect(() => peer.send(1, {})).toThrow(expect.objectContaining({ code }) as Error);
    expect(peer.queue.content.messages).toBe(0);
  });

  it('headers that have no form on the wire, and takes the next message', () => {
    const { peer, messages, open } = setUp();
    open();
    const bad = { headers: { n: 2n ** 64n } };
    expect(() => peer.send(1, bad)).toThrow(
      expect.objectContaining({ code: CommErrorCode.BAD_DATA }) as Error,
    );
    peer.send(1, payload(1));
    expect(messages()).toHaveLength(1);
  });

  it('messages before there is a connection, and before its handshake: NOT_READY', () => {
    const { peer } = setUp();
    peer.session = undefined;
    expect(() => peer.send(1, {})).toThrow(notReady);
    peer.session = sessionOn(new FakeConnection());
    expect(() => peer.send(1, {})).toThrow(notReady);
    expect(peer.queue.content.messages).toBe(0);
  });

  it('messages while its connection is closing: NOT_READY, and the connection is left to finish', () => {
    const { peer, connection, session, messages, open } = setUp();
    open();
    connection.holdsClose = true;
    let hasEnded = false;
    connection.closed$.subscribe({ complete: () => (hasEnded = true) });
    void session.close();
    expect(() => peer.send(1, {})).toThrow(notReady);
    expect([messages().length, peer.queue.content.messages, hasEnded]).toEqual([0, 0, false]);
  });

  it('what goes beyond maxQueuedBytes, and keeps what it has', () => {
    const { peer } = setUp({ maxQueuedBytes: 2_000 });
    peer.send(1, payload(1_000));
    const room = 2_000 - (128 + 16 + 1_000) - 16;
    expect(() => peer.send(1, payload(room + 1))).toThrow(QueueFullError);
    peer.send(1, payload(room));
    expect(() => peer.send(1, payload(0))).toThrow(QueueFullError);
    expect(peer.queue.content).toEqual({ messages: 2, bytes: 16 + 1_000 + 16 + room });
  });

  it('many small messages as well as few large ones, since each has an overhead', () => {
    const { peer } = setUp({ maxQueuedBytes: 100 * 144 });
    for (let count = 0; count < 99; count += 1) peer.send(1, {});
    expect(() => peer.send(1, payload(129))).toThrow(QueueFullError);
    peer.send(1, payload(128));
    expect(() => peer.send(1, {})).toThrow(QueueFullError);
  });

  it('what goes beyond maxQueuedBytes together with what the connection holds', () => {
    const { peer, connection, open } = setUp({ maxQueuedBytes: 2_000 });
    open();
    connection.bufferedBytes = 1_985;
    expect(() => peer.send(1, {})).toThrow(QueueFullError);
    connection.bufferedBytes = 1_984;
    expect(peer.send(1, {})).toBe(true);
  });

  it('never one message that is larger than that when nothing waits', () => {
    const { peer } = setUp({ maxQueuedBytes: 2_000 });
    peer.send(1, payload(10_000));
    expect(peer.queue.content.messages).toBe(1);
    expect(() => peer.send(1, payload(0))).toThrow(QueueFullError);
  });

  it('nor when no more than a heartbeat or two is on its way', () => {
    const { peer, connection, messages, open } = setUp({ maxQueuedBytes: 100 });
    open();
    connection.bufferedBytes = 1_025;
    expect(() => peer.send(1, payload(10_000))).toThrow(QueueFullError);
    connection.bufferedBytes = 1_024;
    peer.send(1, payload(10_000));
    expect(messages()).toHaveLength(1);
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
