import { catchError, filter, firstValueFrom, map, of, skip, take, tap, toArray } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { CommError, CommErrorCode, type Connection } from '../../lib/index.js';
import type { Driver, DriverParams } from '../../lib/transport/driver.js';
import { parseUrl } from '../../lib/transport/url.js';
import { frameMemory, MAX_READ_BYTES } from '../../lib/wire/frame-memory.js';
import { PREFIX_BYTES } from '../../lib/wire/prefix.js';
import { encodedHead, frameOf, pair, type Pair } from './pair.js';

/** What the suite needs to know of a driver. */
export interface ContractSubject {
  readonly driver: Driver;
  /** Parameters of a fresh address to listen on. */
  listenParams(): Promise<DriverParams>;
  /** Parameters to connect to a listener, from the URL that it told. */
  connectParams(url: string): DriverParams;
}

const MIB = 1024 ** 2;

/** The contract of `Driver` and `Connection`: every driver passes it. */
export function driverContract(name: string, subject: ContractSubject): void {
  const { driver } = subject;
  const pairs: Pair[] = [];
  const open = async (): Promise<Pair> => {
    const made = await pair(subject);
    pairs.push(made);
    return made;
  };

  describe(`the ${name} driver`, () => {
    afterEach(async () => {
      for (const made of pairs.splice(0)) await made.release();
    });

    it('makes a connection with a name and addresses on both sides', async () => {
      const { active, passive } = await open();
      expect(active.name).toMatch(/^CN\d{5,}$/);
      expect(passive.name).not.toBe(active.name);
      for (const { properties } of [active, passive]) {
        expect(properties.local_addr).not.toBe('');
        expect(properties.peer_addr).not.toBe('');
      }
    });

    it.each(['active', 'passive'] as const)(
      'carries whole frames in order from the %s side',
      async (from) => {
        const { active, passive } = await open();
        const [sender, receiver] = from === 'active' ? [active, passive] : [passive, active];
        receiver.maxFrameBytes = 16 * MIB;
        const sizes = [0, 1, 15, 16, 1000, 8191, 8192, 8193, 65_535, 65_536, 300_000, MIB, 8 * MIB, 0, 5];
        const received = collect(receiver, sizes.length);
        for (const [index, size] of sizes.entries()) await sendPaced(sender, index, size);
        for (const [index, frame] of (await received).entries()) {
          expect(Buffer.compare(frame, frameOf(index, sizes[index] ?? 0))).toBe(0);
        }
      },
    );

    it('carries many small frames in order, both ways at once', async () => {
      const { active, passive } = await open();
      const count = 5_000;
      const received = Promise.all([collect(active, count), collect(passive, count)]);
      for (let index = 0; index < count; index += 1) {
        active.send(encodedHead(index, 20), new Uint8Array(20));
        passive.send(encodedHead(index, 3), new Uint8Array(3));
      }
      const [atActive, atPassive] = await received;
      expect(atActive.map(numberOf)).toEqual(Array.from({ length: count }, (_, index) => index));
      expect(atPassive.map(numberOf)).toEqual(Array.from({ length: count }, (_, index) => index));
    });

    it('uses the memory of a large frame that is given back, and of no other', async () => {
      const { active, passive } = await open();
      passive.maxFrameBytes = MIB;
      const count = 30;
      const sizes = Array.from(
        { length: count },
        (_, index) => MAX_READ_BYTES + 1 + ((index * 7_919) % 90_000),
      );
      const kept: Uint8Array[] = [];
      const empty: Uint8Array[] = [];
      const seen = passive.frames$.pipe(
        take(count),
        map((frame) => {
          const index = numberOf(frame);
          expect(Buffer.compare(frame, frameOf(index, sizes[index] ?? 0))).toBe(0);
          if (index % 3 === 0) kept.push(frame);
          else if (frameMemory.giveBack(frame.subarray(PREFIX_BYTES))) empty.push(frame);
        }),
        toArray(),
      );
      const done = firstValueFrom(seen);
      for (const [index, size] of sizes.entries()) await sendPaced(active, index, size);
      await done;
      expect(empty.map(({ length }) => length)).toEqual(empty.map(() => 0));
      expect(empty.length).toBe(20);
      for (const frame of kept) {
        const index = numberOf(frame);
        expect(Buffer.compare(frame, frameOf(index, sizes[index] ?? 0))).toBe(0);
      }
    });

    it('loses no frame without an error where a receiver transfers the memory of one', async () => {
      const { active, passive } = await open();
      const count = 2_000;
      let received = 0;
      const end = firstValueFrom(
        passive.frames$.pipe(
          tap((frame) => {
            received += 1;
            if (received === 5) transfer(frame.buffer as ArrayBuffer);
          }),
          skip(count - 1),
          map(() => 'all'),
          catchError((error: unknown) => of(String(error))),
        ),
      );
      for (let sequence = 0; sequence < count; sequence += 1)
        active.send(encodedHead(sequence, 40), new Uint8Array(40));
      const outcome = await end;
      if (outcome === 'all') expect(received).toBe(count);
      else
        expect(outcome).toMatch(
          /a receiver transferred the memory of a payload, which other messages lie in/,
        );
    });

    it('has copied the head when send returns', async () => {
      const { active, passive } = await open();
      const received = collect(passive, 1);
      const head = encodedHead(7, 0);
      active.send(head);
      head.fill(0xff);
      expect(numberOf((await received)[0] ?? head)).toBe(7);
    });

    it('says when it is full and when it has drained, and loses nothing', async () => {
      const { active, passive } = await open();
      passive.maxFrameBytes = MIB;
      active.highWaterMarkBytes = 100_000;
      const received = collect(passive, 40);
      passive.pause();
      let sent = 0;
      while (sent < 40 && active.send(encodedHead(sent, 50_000), new Uint8Array(50_000))) sent += 1;
      expect(sent).toBeLessThan(40);
      const drained = firstValueFrom(active.drained$);
      passive.resume();
      await drained;
      for (let index = sent + 1; index < 40; index += 1) await sendPaced(active, index, 50_000);
      expect((await received).map(numberOf)).toEqual(Array.from({ length: 40 }, (_, index) => index));
    });

    it('tells when frames are written, and counts them until then', async () => {
      const { active, passive } = await open();
      const received = collect(passive, 2);
      const written = firstValueFrom(
        active.written$.pipe(filter(() => active.bufferedFrames === 0 && active.bufferedBytes === 0)),
      );
      active.send(encodedHead(0, 10), new Uint8Array(10));
      active.send(encodedHead(1, 20_000), new Uint8Array(20_000));
      expect(active.bufferedFrames).toBe(2);
      await written;
      expect(await received).toHaveLength(2);
    });

    it('delivers no frame while paused, and all of them after', async () => {
      const { active, passive } = await open();
      const seen: number[] = [];
      passive.frames$.subscribe((frame) => seen.push(numberOf(frame)));
      passive.pause();
      expect(passive.isPaused).toBe(true);
      const more = collect(active, 1);
      for (let index = 0; index < 10; index += 1) active.send(encodedHead(index, 10), new Uint8Array(10));
      passive.send(encodedHead(0, 0));
      await more;
      expect(seen).toEqual([]);
      const all = collect(passive, 10);
      passive.resume();
      await all;
      expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    });

    it('stays paused until each of those who paused it has resumed it', async () => {
      const { active, passive } = await open();
      const seen: number[] = [];
      passive.frames$.subscribe((frame) => seen.push(numberOf(frame)));
      const other = {};
      passive.pause(other);
      passive.pause();
      passive.pause();
      passive.resume();
      const more = collect(active, 1);
      active.send(encodedHead(1, 10), new Uint8Array(10));
      passive.send(encodedHead(0, 0));
      await more;
      expect([passive.isPaused, seen]).toEqual([true, []]);
      const all = collect(passive, 1);
      passive.resume(other);
      await all;
      expect([passive.isPaused, seen]).toEqual([false, [1]]);
    });

    it('shows activity when the peer sends', async () => {
      const { active, passive } = await open();
      const before = passive.activity;
      const received = collect(passive, 1);
      active.send(encodedHead(0, 0));
      await received;
      expect(passive.activity).toBeGreaterThan(before);
    });

    it.each(['active', 'passive'] as const)(
      'flushes what it accepted when the %s side closes',
      async (from) => {
        const { active, passive } = await open();
        const [sender, receiver] = from === 'active' ? [active, passive] : [passive, active];
        receiver.maxFrameBytes = 8 * MIB;
        const received = firstValueFrom(receiver.frames$.pipe(toArray()));
        for (let index = 0; index < 20; index += 1)
          sender.send(encodedHead(index, 200_000), new Uint8Array(200_000));
        await sender.close();
        expect((await received).map(numberOf)).toEqual(Array.from({ length: 20 }, (_, index) => index));
        expect(sender.bufferedFrames).toBe(0);
      },
    );

    it('closes at once for a reason, which its frames$ and closed$ error with', async () => {
      const { active, passive } = await open();
      const reason = new CommError(CommErrorCode.BAD_DATA, 'enough');
      const ended = Promise.allSettled([
        endOf(active),
        endOf(passive),
        firstValueFrom(active.closed$, { defaultValue: null }),
      ]);
      await active.close(reason);
      const [atActive, , closed] = await ended;
      expect(atActive).toEqual({ status: 'rejected', reason });
      expect(closed).toEqual({ status: 'rejected', reason });
    });

    it('takes a second close for done, and refuses to send after it', async () => {
      const { active, passive } = await open();
      const ended = endOf(passive);
      await Promise.all([active.close(), active.close()]);
      await active.close(new CommError(CommErrorCode.ERROR, 'too late'));
      await ended;
      expect(() => active.send(encodedHead(0, 0))).toThrow(
        expect.objectContaining({ code: CommErrorCode.CLOSED }) as Error,
      );
    });

    it('refuses a frame over the limit with BAD_DATA, after the frames before it', async () => {
      const { active, passive } = await open();
      passive.maxFrameBytes = 1000;
      const seen: number[] = [];
      const failure = new Promise((resolve) => {
        passive.frames$.subscribe({ next: (frame) => seen.push(numberOf(frame)), error: resolve });
      });
      active.send(encodedHead(1, 100), new Uint8Array(100));
      active.send(encodedHead(2, 2000), new Uint8Array(2000));
      expect(await failure).toMatchObject({ code: CommErrorCode.BAD_DATA });
      expect(seen).toEqual([1]);
    });

    it('ends the connection when connect is unsubscribed', async () => {
      const { passive, connecting } = await open();
      const ended = endOf(passive);
      connecting.unsubscribe();
      expect(await ended).toEqual([]);
    });

    it('stops listening when listen is unsubscribed; the connections go on and the address is free', async () => {
      const { active, passive, listening, listenParams, url } = await open();
      listening.unsubscribe();
      const received = collect(passive, 1);
      active.send(encodedHead(3, 0));
      expect((await received).map(numberOf)).toEqual([3]);
      await expect(firstValueFrom(driver.connect(subject.connectParams(url)))).rejects.toBeInstanceOf(
        CommError,
      );
      const again = await pair({ ...subject, listenParams: () => Promise.resolve(listenParams) });
      await again.release();
    });

    it('errors with a CommError where the address is taken', async () => {
      const { url, listenParams } = await open();
      const { port, host } = parseUrl(url);
      const taken = {
        ...listenParams,
        url,
        ...(host === undefined ? {} : { host }),
        ...(port === undefined ? {} : { port }),
      };
      await expect(firstValueFrom(driver.listen(taken))).rejects.toMatchObject({
        code: CommErrorCode.BAD_CONFIG,
      });
    });

    it('chooses an address for a listener that others can connect to', async () => {
      const { connectUrl, listenUrl } = await driver.resolveUrls(driver.schemes[0] ?? '', {});
      const params = await subject.listenParams();
      const made = await pair({
        driver,
        listenParams: () => Promise.resolve({ ...params, ...parseUrl(listenUrl) }),
        connectParams: () => subject.connectParams(connectUrl),
      });
      const received = collect(made.passive, 1);
      made.active.send(encodedHead(5, 0));
      expect((await received).map(numberOf)).toEqual([5]);
      await made.release();
    });
  });
}

function collect(connection: Connection, count: number): Promise<Uint8Array[]> {
  return firstValueFrom(connection.frames$.pipe(take(count), toArray()));
}

function endOf(connection: Connection): Promise<unknown> {
  return firstValueFrom(connection.frames$.pipe(toArray()));
}

async function sendPaced(connection: Connection, index: number, size: number): Promise<void> {
  const drained = firstValueFrom(connection.drained$, { defaultValue: undefined });
  if (!connection.send(encodedHead(index, size), frameOf(index, size).subarray(PREFIX_BYTES))) await drained;
}

/** The number that {@link encodedHead} put into a frame. */
function numberOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset).getUint16(12);
}

/** As to a worker; memory that may not go is left (Node 20), or refused. */
function transfer(memory: ArrayBuffer): void {
  try {
    structuredClone(memory, { transfer: [memory] });
  } catch (error) {
    expect(error).toMatchObject({ name: 'DataCloneError' });
  }
}
