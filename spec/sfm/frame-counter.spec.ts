import { describe, expect, it } from 'vitest';

import { type ControlType, FrameCounter } from '../../lib/sfm/frame-counter.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { seededRandom } from '../support/random.js';

const { HELLO, READY, PING, PONG } = FrameType;

const PING_BYTES = 17;
const HELLO_BYTES = 60;
const MESSAGE_BYTES = 100;

type Sent = ControlType | 'message';

function send(counter: FrameCounter, type: Sent): number {
  if (type === 'message') return counter.nextMessage();
  return counter.nextControl(type, bytesOf(type));
}

function bytesOf(type: Sent): number {
  if (type === 'message') return MESSAGE_BYTES;
  return type === PING || type === PONG ? PING_BYTES : HELLO_BYTES;
}

/** A counter that has numbered some frames. */
function after(...sent: Sent[]): FrameCounter {
  const counter = new FrameCounter();
  for (const type of sent) send(counter, type);
  return counter;
}

describe('a frame counter', () => {
  it('numbers all frames in the order sent, from 1 on', () => {
    const counter = new FrameCounter();
    const sent: Sent[] = [READY, 'message', PING, 'message', PONG];
    expect(sent.map((type) => send(counter, type))).toEqual([1, 2, 3, 4, 5]);
  });

  it('gives the number of a frame that is not sent after all to the next one', () => {
    const counter = after(READY, 'message');
    counter.takeBack();
    expect([counter.nextMessage(), counter.messagesOf(1, MESSAGE_BYTES).messages]).toEqual([2, 1]);
  });

  it('knows whether the last PING or PONG is among the last frames', () => {
    const counter = after(READY, PING, 'message', PONG);
    expect([0, 1, 2, 3, 4].map((last) => counter.isWaiting(PING, last))).toEqual([
      ...[false, false, false],
      ...[true, true],
    ]);
    expect([0, 1, 2].map((last) => counter.isWaiting(PONG, last))).toEqual([false, true, true]);
    send(counter, PING);
    expect([0, 1].map((last) => counter.isWaiting(PING, last))).toEqual([false, true]);
  });

  it('knows of none where none was sent, also when everything waits', () => {
    expect(new FrameCounter().isWaiting(PING, 0)).toBe(false);
    const counter = after(READY, 'message');
    expect([counter.isWaiting(PING, 2), counter.isWaiting(PONG, 2)]).toEqual([false, false]);
  });

  it.each<[string, Sent[], number, number, number, number]>([
    ['messages alone', ['message', 'message', 'message'], 2, 200, 2, 200],
    ['nothing', ['message'], 0, 0, 0, 0],
    ['a handshake alone', [HELLO], 1, HELLO_BYTES, 0, 0],
    ['a handshake, of which a part is out', [HELLO], 1, 10, 0, 0],
    ['a PING, of which a part is out', ['message', PING], 1, 5, 0, 0],
    ['a PING and a PONG between messages', [PING, 'message', PONG, 'message'], 4, 234, 2, 200],
    ['a message behind a PING that is out', [PING, 'message'], 1, 100, 1, 100],
    ['a PING before that has gone out, and one that waits', [PING, 'message', PING], 2, 117, 1, 100],
    ['a message, of which a part is out, before a PONG', ['message', PONG], 2, 30, 1, 13],
    ['everything', [READY, PING, PONG, 'message'], 4, 194, 1, 100],
  ])('finds the messages among the last frames: %s', (_, sent, frames, bytes, messages, left) => {
    expect(after(...sent).messagesOf(frames, bytes)).toEqual({ messages, bytes: left });
  });

  it('finds them among frames that others were sent behind', () => {
    const counter = after(READY, 'message', PING, 'message', PONG, 'message');
    expect(counter.messagesOf(2, 117, 1)).toEqual({ messages: 1, bytes: 100 });
    expect(counter.messagesOf(3, 177, 3)).toEqual({ messages: 1, bytes: 100 });
    expect(counter.messagesOf(1, 100, 4)).toEqual({ messages: 1, bytes: 100 });
  });

  it('is right whatever is sent, where at most one PING and one PONG wait', () => {
    const random = seededRandom(7);
    const counter = new FrameCounter();
    const waiting: Sent[] = [];
    for (let step = 0; step < 5_000; step += 1) {
      const type = ([PING, PONG, 'message', 'message'] as const)[Math.floor(random() * 4)] ?? 'message';
      if (type === 'message' || !waiting.includes(type)) {
        waiting.push(type);
        send(counter, type);
      }
      if (random() < 0.5) waiting.splice(0, Math.floor(random() * 4));
      expect(counter.isWaiting(PING, waiting.length)).toBe(waiting.includes(PING));
      expect(counter.isWaiting(PONG, waiting.length)).toBe(waiting.includes(PONG));
      // Of those that wait, the oldest are with the operating system.
      const cut = Math.floor(random() * (waiting.length + 1));
      const [older, newer] = [waiting.slice(0, cut), waiting.slice(cut)];
      for (const [part, behind] of [
        [older, newer.length],
        [newer, 0],
      ] as const) {
        const bytes = part.reduce((sum, each) => sum + bytesOf(each), 0);
        const messages = part.filter((each) => each === 'message').length;
        expect(counter.messagesOf(part.length, bytes, behind)).toEqual({
          messages,
          bytes: messages * MESSAGE_BYTES,
        });
      }
    }
  });
});
