import { beforeEach, describe, expect, it } from 'vitest';

import { FrameInbox, InboxFullError } from '../../../lib/drivers/websocket/frame-inbox.js';
import { CommErrorCode } from '../../../lib/index.js';

let delivered: number[];
let inbox: FrameInbox;

beforeEach(() => {
  delivered = [];
  inbox = new FrameInbox(10, (frame) => delivered.push(frame[0] ?? 0));
});

describe('FrameInbox', () => {
  it('keeps frames until it is opened, and then passes them on at once', () => {
    add(1, 2);
    expect(delivered).toEqual([]);
    inbox.open();
    add(3);
    expect(delivered).toEqual([1, 2, 3]);
    inbox.shut();
    add(4);
    expect(delivered).toEqual([1, 2, 3]);
    inbox.open();
    expect(delivered).toEqual([1, 2, 3, 4]);
  });

  it('stops when a receiver shuts it, and goes on in order when one opens it again', () => {
    inbox = new FrameInbox(10, (frame) => {
      delivered.push(frame[0] ?? 0);
      inbox.shut();
      if (frame[0] === 2) inbox.open();
    });
    add(1, 2, 3, 4);
    inbox.open();
    expect(delivered).toEqual([1]);
    inbox.open();
    expect(delivered).toEqual([1, 2, 3]);
    inbox.open();
    expect(delivered).toEqual([1, 2, 3, 4]);
  });

  it('has a limit in bytes, and counts what it holds', () => {
    inbox.add(new Uint8Array(10), 'CN00001');
    inbox.open();
    inbox.shut();
    inbox.add(new Uint8Array(10), 'CN00001');
    const add = () => inbox.add(new Uint8Array(1), 'CN00001');
    expect(add).toThrow(InboxFullError);
    expect(add).toThrow(
      expect.objectContaining({
        name: 'InboxFullError',
        code: CommErrorCode.NOT_READY,
        message: expect.stringMatching(/^CN00001: 3 frames of 12 bytes/) as string,
      }) as Error,
    );
  });

  it('has a limit in frames', () => {
    const addMany = () => {
      for (let count = 0; count < 100_000; count += 1) inbox.add(new Uint8Array(0), 'CN00001');
    };
    expect(addMany).toThrow(InboxFullError);
  });

  it('forgets what it holds', () => {
    add(1, 2);
    inbox.clear();
    inbox.open();
    expect(delivered).toEqual([]);
  });
});

function add(...numbers: number[]): void {
  for (const number of numbers) inbox.add(Uint8Array.of(number), 'CN00001');
}
