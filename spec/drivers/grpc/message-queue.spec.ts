import { describe, expect, it } from 'vitest';

import { MessageQueue } from '../../../lib/drivers/grpc/message-queue.js';

describe('MessageQueue', () => {
  it('hands out messages in order and counts each until it is written', () => {
    const queue = new MessageQueue();
    queue.push(Buffer.alloc(3, 1));
    queue.push(Buffer.alloc(5, 2));
    expect(queue).toMatchObject({ length: 2, bytes: 8, writingBytes: 0 });
    expect(queue.take()?.[0]).toBe(1);
    expect(queue).toMatchObject({ length: 2, bytes: 8, writingBytes: 3 });
    expect(queue.take()?.[0]).toBe(2);
    expect(queue.take()).toBeUndefined();
    queue.settle();
    expect(queue).toMatchObject({ length: 1, bytes: 5, writingBytes: 5 });
    queue.settle();
    expect(queue).toMatchObject({ length: 0, bytes: 0, writingBytes: 0 });
  });

  it('counts nothing as written that was not taken', () => {
    const queue = new MessageQueue();
    queue.push(Buffer.alloc(3));
    queue.settle();
    expect(queue).toMatchObject({ length: 1, bytes: 3 });
  });

  it('keeps its place over thousands of messages, whatever is taken and written between', () => {
    const queue = new MessageQueue();
    const seen: number[] = [];
    let taken = 0;
    for (let number = 0; number < 10_000; number += 1) {
      const message = Buffer.alloc(4);
      message.writeUInt32BE(number);
      queue.push(message);
      if (number % 3 === 0) continue;
      const next = queue.take();
      if (next !== undefined) {
        seen.push(next.readUInt32BE());
        taken += 1;
      }
      if (taken > 5) queue.settle();
    }
    for (let next = queue.take(); next !== undefined; next = queue.take()) seen.push(next.readUInt32BE());
    while (queue.length > 0) queue.settle();
    expect(seen).toEqual(Array.from({ length: 10_000 }, (_, number) => number));
    expect(queue).toMatchObject({ bytes: 0, writingBytes: 0 });
  });
});
