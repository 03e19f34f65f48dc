import { Duplex } from 'node:stream';

import { describe, expect, it } from 'vitest';

import { SocketWriter } from '../../../lib/drivers/node/socket-writer.js';
import type { LazyPayload } from '../../../lib/drivers/node/write-batch.js';

/** A socket that tells when a write is done. */
class SlowSocket extends Duplex {
  readonly written: Buffer[] = [];
  readonly #done: ((error?: Error | null) => void)[] = [];

  override _read(): void {
    // Nothing comes.
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.written.push(chunk);
    this.#done.push(done);
  }

  /** Ends the write at hand; the next piece of it follows. */
  finish(error?: Error): void {
    this.#done.shift()?.(error);
  }
}

function writerTo(socket: Duplex): SocketWriter {
  return new SocketWriter(socket, { isOpen: () => true, written: () => undefined });
}

const filled = (byte: number): LazyPayload => ({
  length: 10_000,
  subarray: () => filled(byte),
  writeTo: (target) => void target.fill(byte),
});

describe('SocketWriter', () => {
  it('lends the memory of a write to the next one only when the socket is done with it', async () => {
    const [first, second] = [new SlowSocket(), new SlowSocket()];
    const [one, other] = [writerTo(first), writerTo(second)];
    const sendTo = async (writer: SocketWriter, byte: number): Promise<void> => {
      writer.batch.add(Uint8Array.of(byte), filled(byte));
      writer.schedule();
      await Promise.resolve();
    };
    await sendTo(one, 1);
    first.finish();
    await sendTo(other, 2);
    second.finish();
    const [, payload] = first.written;
    expect(payload?.every((byte) => byte === 1)).toBe(true);
    expect(second.written[1]?.buffer).not.toBe(payload?.buffer);
    first.finish();
    await expect.poll(() => one.bytes).toBe(0);
    await sendTo(one, 3);
    first.finish();
    expect(first.written[3]?.buffer).toBe(payload?.buffer);
  });

  it('does not lend it again after an error: it may still be read', async () => {
    const socket = new SlowSocket().on('error', () => undefined);
    const writer = writerTo(socket);
    writer.batch.add(Uint8Array.of(1), filled(1));
    writer.schedule();
    await Promise.resolve();
    socket.finish();
    socket.finish(new Error('reset'));
    await expect.poll(() => socket.destroyed).toBe(true);
    const other = new SlowSocket();
    const next = writerTo(other);
    next.batch.add(Uint8Array.of(2), filled(2));
    next.schedule();
    await Promise.resolve();
    other.finish();
    expect(other.written[1]?.buffer).not.toBe(socket.written[1]?.buffer);
  });

  /** What a socket is given in one write each: the lengths of the pieces that Node would join under TLS. */
  async function writesOf(isEncrypted: boolean, ...frames: number[]): Promise<readonly number[][]> {
    const writes: number[][] = [];
    const socket = new Duplex({
      write: (chunk: Buffer, _encoding, done) => {
        writes.push([chunk.length]);
        setImmediate(done);
      },
      writev: (chunks, done) => {
        writes.push(chunks.map(({ chunk }) => (chunk as Buffer).length));
        setImmediate(done);
      },
    });
    const writer = writerTo(isEncrypted ? Object.assign(socket, { encrypted: true }) : socket);
    for (const bytes of frames) writer.batch.add(Uint8Array.of(1, 2), new Uint8Array(bytes));
    writer.schedule();
    await expect.poll(() => [writer.bytes, writer.frames]).toEqual([0, 0]);
    return writes;
  }

  it('writes large pieces one by one under TLS, where Node would join them, and all others at once', async () => {
    expect(await writesOf(true, 300_000, 200_000)).toEqual([[2], [300_000], [2], [200_000]]);
    expect(await writesOf(true, 20_000, 30_000)).toEqual([[2, 20_000, 2, 30_000]]);
    expect(await writesOf(false, 300_000)).toEqual([[2, 300_000]]);
  });
});
