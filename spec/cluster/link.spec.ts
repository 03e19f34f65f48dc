import { describe, expect, it } from 'vitest';

import type { Losses, Origin } from '../../lib/cluster-contract.js';
import { HEADER_BYTES, readHeader, readRecords, writeHeader } from '../../lib/cluster/batch.js';
import { Link, type LinkContext } from '../../lib/cluster/link.js';
import { CommErrorCode } from '../../lib/comm-error.js';
import type { EncodedMessage } from '../../lib/sink.js';
import { encodeHead } from '../../lib/wire/frame.js';
import { FrameType, readPrefix } from '../../lib/wire/prefix.js';
import { seededRandom } from '../support/random.js';

const NAME = 'site-1';
const badData = expect.objectContaining({ code: CommErrorCode.BAD_DATA }) as Error;

interface Got {
  readonly n: number;
  readonly bytes: Uint8Array;
  readonly origin: Origin;
}

/** One side of a line of NATS. */
class Side {
  readonly got: Got[] = [];
  readonly lost: string[] = [];
  readonly told: string[] = [];
  /** Whether messages are written at once. */
  isFast = true;
  /** Whether the endpoint is here. */
  isHere = true;
  link: Link;
  other: Side | undefined;
  #epoch = 0;
  #channel = 0;
  readonly #mangle: (batch: Uint8Array) => readonly Uint8Array[];

  constructor(mangle: (batch: Uint8Array) => readonly Uint8Array[], context: Partial<LinkContext> = {}) {
    this.#mangle = mangle;
    this.link = this.#newLink(context);
  }

  /** It is forgotten by this side, as a replica that was taken for gone. */
  forget(lastEpoch = this.link.lastEpoch): void {
    this.link.close();
    this.link = this.#newLink({ lastEpoch });
  }

  #newLink(context: Partial<LinkContext>): Link {
    return new Link({
      maxPayload: 2_000,
      maxFrameBytes: 100_000,
      highWaterMarkBytes: 10_000,
      lastEpoch: 0,
      nextEpoch: () => (this.#epoch += 1),
      nextChannel: () => (this.#channel += 1),
      publish: (batch) => {
        for (const each of this.#mangle(batch.slice())) queueMicrotask(() => this.other?.link.receive(each));
      },
      accept: ({ name, generation }, head, payload, origin) => {
        if (!this.isHere || name !== NAME || generation !== 1) return false;
        const bytes = Buffer.concat([head, payload ?? Buffer.alloc(0)]);
        this.got.push({ n: readPrefix(bytes).streamId, bytes, origin });
        if (this.isFast) origin.written(bytes.length);
        return true;
      },
      arrive: () => undefined,
      remove: ({ name }) => this.told.push(`remove ${name}`),
      lost: (name, { undelivered, unknown }: Losses) =>
        this.lost.push(`${name} ${undelivered.messages} ${unknown.messages}`),
      told: (type) => this.told.push(type),
      ...context,
    });
  }
}

function pair(mangle: (batch: Uint8Array) => readonly Uint8Array[] = (batch) => [batch]): [Side, Side] {
  const [one, two] = [new Side(mangle), new Side(mangle)];
  one.other = two;
  two.other = one;
  return [one, two];
}

/** The header of the first batch of a link. */
const FIRST = { isReset: false, epoch: 1, number: 1, oldest: 1, acknowledgedEpoch: 0, acknowledged: 0 };

/** Bears batches that a side rejects, and tells of each. */
function whenRejected({ link }: Side, note: () => void): void {
  const receive = link.receive.bind(link);
  link.receive = (batch) => {
    try {
      receive(batch);
    } catch (error) {
      expect(error).toEqual(badData);
      note();
    }
  };
}

function send({ link }: Side, n: number, payloadBytes = 10): boolean {
  const payload = new Uint8Array(payloadBytes).fill(n);
  const head = encodeHead({ type: FrameType.DATA, appId: 100, streamId: n }, payloadBytes);
  return link.sinkTo(NAME, 1).sendMessage(head, payload);
}

const u32 = (value: number): number[] => [value >>> 24, value >>> 16, value >>> 8, value].map((n) => n & 255);
const f64 = (value: number): Uint8Array => new Uint8Array(new Float64Array([value]).buffer).reverse();
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const numbersOf = ({ got }: Side): number[] => got.map(({ n }) => n);

describe('a link', () => {
  it('carries messages of every size in order, and each is settled when it is written', async () => {
    const [one, two] = pair();
    const sizes = [0, 1, 1_900, 1_963, 1_964, 2_000, 5_000, 60_000, 3];
    sizes.forEach((size, n) => send(one, n, size));
    await expect.poll(() => numbersOf(two)).toEqual(upTo(sizes.length));
    expect(two.got.map(({ bytes }) => bytes.length - 16)).toEqual(sizes);
    for (const { n, bytes } of two.got) expect(bytes.subarray(16).every((byte) => byte === n)).toBe(true);
    await one.link.settled();
    expect(one.link.isSettled).toBe(true);
    expect(one.lost).toEqual([]);
  });

  it.each([undefined, new Uint8Array(0)])(
    'carries headers that fill several batches, without a payload: %s',
    async (payload) => {
      const [one, two] = pair();
      const headers = { blob: 'x'.repeat(5_000) };
      const head = encodeHead({ type: FrameType.DATA, appId: 100, streamId: 1, headers }, 0).slice();
      one.link.sinkTo(NAME, 1).sendMessage(head, payload);
      send(one, 2);
      await one.link.settled();
      expect(numbersOf(two)).toEqual([1, 2]);
      expect(two.got[0]?.bytes).toEqual(Buffer.from(head));
    },
  );

  it.each([1, 2, 3, 4])(
    'loses nothing and repeats nothing where NATS loses and repeats, seed %i',
    async (seed) => {
      const random = seededRandom(seed);
      const [one, two] = pair((batch) =>
        random() < 0.3 ? [] : random() < 0.3 ? [batch, batch.slice()] : [batch],
      );
      for (const n of upTo(300)) send(one, n, Math.floor(random() * 3_000));
      for (const n of upTo(100)) send(two, n, 10);
      await expect
        .poll(
          () => {
            one.link.repeat(true);
            two.link.repeat(true);
            return [numbersOf(two), numbersOf(one), one.link.isSettled, two.link.isSettled];
          },
          { interval: 1 },
        )
        .toEqual([upTo(300), upTo(100), true, true]);
    },
  );

  it('is full from the high water mark on, until the other side has written half of it', async () => {
    const [one, two] = pair();
    two.isFast = false;
    let sent = 0;
    while (send(one, sent, 1_000)) sent += 1;
    expect(sent).toBeLessThan(11);
    const sink = one.link.sinkTo(NAME, 1);
    let drained = 0;
    sink.drained$.subscribe(() => (drained += 1));
    await expect.poll(() => two.got.length).toBe(sent + 1);
    expect(drained).toBe(0);
    for (const { origin, bytes } of two.got) origin.written(bytes.length);
    await expect.poll(() => drained).toBe(1);
    expect(sink.bufferedBytes).toBe(0);
  });

  it('gives back what the endpoint is not there for, and all behind it, until it is tried again', async () => {
    const [one, two] = pair();
    const sink = one.link.sinkTo(NAME, 1);
    two.isHere = false;
    const sizes = [10, 5_000, 60_000];
    sizes.forEach((size, n) => send(one, n, size));
    await expect.poll(() => sink.pending.messages).toBe(0);
    expect([sink.isOpen, sink.bufferedMessages, sink.sent.messages, two.got]).toEqual([false, 3, 0, []]);
    // On its way when the first one came back, and the endpoint came.
    two.isHere = true;
    send(one, 3, 10);
    await expect.poll(() => sink.pending.messages).toBe(0);
    expect([sink.bufferedMessages, two.got]).toEqual([4, []]);
    let again: readonly EncodedMessage[] = [];
    const drained = sink.drained$.subscribe(() => {
      again = sink.takeBack();
      for (const { head, payload } of again) sink.sendMessage(head, payload);
    });
    one.link.repeat(false);
    drained.unsubscribe();
    expect(again.map(({ head, payload }) => head.length + (payload?.length ?? 0) - 16)).toEqual([
      ...sizes,
      10,
    ]);
    await one.link.settled();
    expect([numbersOf(two), one.lost, sink.bufferedBytes]).toEqual([upTo(4), [], 0]);
    expect(two.got.map(({ bytes }) => bytes.length - 16)).toEqual([...sizes, 10]);
  });

  it('tells what comes back as undelivered, once, where nobody takes it any more', async () => {
    const [one, two] = pair();
    const sink = one.link.sinkTo(NAME, 1);
    two.isHere = false;
    for (const n of upTo(3)) send(one, n);
    sink.giveUp();
    one.link.closeSink(NAME);
    await one.link.settled();
    expect([one.lost, sink.bufferedBytes]).toEqual([[`${NAME} 3 0`], 0]);
  });

  it('tells what is lost there', async () => {
    const [one, two] = pair();
    two.isFast = false;
    for (const n of [2, 3, 4]) send(one, n);
    await expect.poll(() => two.got.length).toBe(3);
    const tally = (messages: number) => ({ messages, bytes: messages * 26 });
    two.got[0]?.origin.lost({ undelivered: tally(1), unknown: tally(2) });
    await expect.poll(() => one.lost).toEqual([`${NAME} 1 2`]);
    expect(one.link.isSettled).toBe(true);
  });

  it('tells what may have arrived when the other side is gone, or has forgotten it, and then goes on', async () => {
    const [one, two] = pair();
    two.isFast = false;
    for (const n of upTo(3)) send(one, n);
    await expect.poll(() => two.got.length).toBe(3);
    two.forget();
    two.isFast = true;
    send(one, 3);
    await expect
      .poll(() => {
        one.link.repeat(true);
        return one.lost;
      })
      .toEqual([`${NAME} 0 4`]);
    send(one, 4);
    await expect.poll(() => numbersOf(two)).toEqual([0, 1, 2, 4]);
    await one.link.settled();
    two.isFast = false;
    send(one, 5);
    one.link.close();
    expect(one.lost).toEqual([`${NAME} 0 4`, `${NAME} 0 1`]);
  });

  it('goes on where who hears of room sends at once, when the other side has forgotten it', async () => {
    const [one, two] = pair();
    two.isFast = false;
    let sent = 0;
    while (send(one, sent, 1_000)) sent += 1;
    await expect.poll(() => two.got.length).toBe(sent + 1);
    const next = sent + 1;
    const drained = one.link.sinkTo(NAME, 1).drained$.subscribe(() => {
      drained.unsubscribe();
      for (const n of [next, next + 1]) send(one, n, 4_990);
    });
    two.forget();
    one.link.tell('QUIESCE');
    const again = (): boolean => {
      one.link.repeat(true);
      return drained.closed;
    };
    await expect.poll(again).toBe(true);
    await expect.poll(() => numbersOf(two)).toEqual(upTo(next + 2));
    expect(one.lost).toEqual([`${NAME} 0 ${next}`]);
    const sink = one.link.sinkTo(NAME, 1);
    expect(sink.bufferedMessages).toBe(2);
    for (const { origin, bytes } of two.got.slice(next)) origin.written(bytes.length);
    await expect.poll(() => sink.isFull).toBe(false);
    await one.link.settled();
  });

  it('takes nothing twice of one that was frozen, and repeats what it had sent', async () => {
    let isDeaf = true;
    const [one, two] = pair((batch) => (isDeaf && readHeader(batch).acknowledgedEpoch > 0 ? [] : [batch]));
    send(one, 1);
    await expect.poll(() => numbersOf(two)).toEqual([1]);
    two.forget();
    isDeaf = false;
    await expect
      .poll(() => {
        one.link.repeat(true);
        return one.lost;
      })
      .toEqual([`${NAME} 0 1`]);
    send(one, 2);
    await one.link.settled();
    expect(numbersOf(two)).toEqual([1, 2]);
  });

  it('sends only the oldest batch again while nothing is acknowledged, less and less often, and then the others', async () => {
    let isAway = true;
    let published = 0;
    const [one, two] = pair((batch) => {
      published += 1;
      return isAway ? [] : [batch];
    });
    for (const n of upTo(100)) send(one, n, 1_900);
    one.link.repeat(false);
    const first = published;
    for (const _ of upTo(40)) one.link.repeat(false);
    expect(published - first).toBe(8);
    isAway = false;
    one.link.repeat(true);
    await expect.poll(() => numbersOf(two)).toEqual(upTo(100));
  });

  it('takes nothing late for something new, when both sides have taken each other for gone', async () => {
    const held: [Side, Uint8Array][] = [];
    let isHeld = true;
    const [one, two]: [Side, Side] = pair((batch) => {
      if (!isHeld) return [batch];
      held.push([two, batch]);
      return [];
    });
    send(one, 1);
    await expect.poll(() => held.length).toBe(1);
    one.forget();
    two.forget();
    isHeld = false;
    for (const [to, batch] of held) to.link.receive(batch);
    send(one, 2);
    await one.link.settled();
    // The first one was told as unknown, and has arrived.
    expect(numbersOf(two)).toEqual([1, 2]);
    expect(one.lost).toEqual([`${NAME} 0 1`]);
  });

  it('hears that it is forgotten where all was acknowledged, and only reports are to come', async () => {
    const [one, two] = pair();
    two.isFast = false;
    send(one, 0);
    await expect.poll(() => numbersOf(two)).toEqual([0]);
    // The acknowledgement is there, and the report never comes.
    await expect.poll(() => (one.link.repeat(true), one.link.isSettled)).toBe(false);
    two.forget();
    await expect.poll(() => (one.link.repeat(false), one.link.isSettled)).toBe(true);
    expect(one.lost).toEqual([`${NAME} 0 1`]);
    two.isFast = true;
    send(one, 1);
    await one.link.settled();
    expect(numbersOf(two)).toEqual([0, 1]);
  });

  it('gets the reports on what it sends to one that does not know that it was taken for gone', async () => {
    const [one, two] = pair();
    send(one, 0);
    await one.link.settled();
    one.forget();
    for (const n of [1, 2, 3]) send(one, n);
    await expect.poll(() => one.link.isSettled).toBe(true);
    one.forget();
    two.isHere = false;
    send(one, 4);
    await expect.poll(() => one.link.isSettled).toBe(true);
    expect(one.link.sinkTo(NAME, 1).bufferedMessages).toBe(1);
    expect([numbersOf(two), one.lost]).toEqual([[0, 1, 2, 3], []]);
  });

  it('keeps requests to remove behind what was sent', async () => {
    const [one, two] = pair();
    send(one, 1, 5_000);
    one.link.sinkTo(NAME, 1).remove();
    one.link.tell('QUIESCE');
    await expect.poll(() => two.told).toEqual([`remove ${NAME}`, 'quiesce']);
    expect(numbersOf(two)).toEqual([1]);
  });
});

describe('what a link was told to say', () => {
  /** The first batches of one side are broken on their way, until the other side has rejected one. */
  function brokenPair(): [Side, Side] {
    const sides: [Side, Side] = pair((batch) => {
      if (isBroken && readHeader(batch).number > 0) batch[HEADER_BYTES] = 99;
      return [batch];
    });
    let isBroken = true;
    whenRejected(sides[1], () => (isBroken = false));
    return sides;
  }

  it('is said again after it has begun anew', async () => {
    const [one, two] = brokenPair();
    send(one, 1);
    one.link.sinkTo(NAME, 1).remove();
    one.link.tell('QUIESCE');
    one.link.tell('QUIESCED');
    await expect.poll(() => one.link.isSettled).toBe(true);
    const again = (): readonly string[] => {
      one.link.repeat(false);
      return two.told;
    };
    await expect.poll(again).toEqual([`remove ${NAME}`, 'quiesce', 'quiesced']);
  });

  it('is not said again where it had arrived, or where the endpoint has gone meanwhile', async () => {
    const [one, two] = pair();
    one.link.sinkTo(NAME, 1).remove();
    await expect.poll(() => two.told).toEqual([`remove ${NAME}`]);
    send(one, 1);
    await one.link.settled();
    const [three, four] = brokenPair();
    send(three, 1);
    three.link.sinkTo(NAME, 1).remove();
    three.link.closeSink(NAME);
    two.forget();
    await expect.poll(() => three.link.isSettled).toBe(true);
    for (const n of upTo(3)) {
      send(one, n + 2);
      await expect
        .poll(() => (one.link.repeat(true), three.link.repeat(true), one.link.isSettled))
        .toBe(true);
    }
    expect([two.told, four.told]).toEqual([[`remove ${NAME}`], []]);
  });
});

describe('a batch that is broken', () => {
  it.each([
    ['nothing', new Uint8Array(0)],
    ['a cut header', Uint8Array.of(0x72, 1, 0)],
    ['another protocol', new Uint8Array(100)],
  ])('is refused: %s', (_, batch) => {
    const [one] = pair();
    expect(() => one.link.receive(batch)).toThrow(badData);
  });

  it('never does more than throw BAD_DATA, and the link goes on', async () => {
    const random = seededRandom(9);
    const [one, two] = pair();
    const sample: Uint8Array[] = [];
    const [from, to] = pair((batch) => {
      sample.push(batch.slice());
      return [batch];
    });
    for (const n of upTo(20)) send(from, n, n * 50);
    await from.link.settled();
    expect(numbersOf(to)).toEqual(upTo(20));
    for (const n of upTo(2_000)) {
      const batch = (sample[n % sample.length] ?? new Uint8Array(0)).slice();
      for (let changes = 1 + Math.floor(random() * 4); changes > 0; changes -= 1)
        batch[Math.floor(random() * batch.length)] = Math.floor(random() * 256);
      try {
        two.link.receive(batch.subarray(0, Math.floor(random() * (batch.length + 1))));
      } catch (error) {
        expect(error).toEqual(badData);
      }
    }
    // What was forged may be ahead of all that the other side counts.
    two.forget(0);
    send(one, 1);
    await expect
      .poll(() => {
        one.link.repeat(true);
        return numbersOf(two).at(-1);
      })
      .toBe(1);
  });

  it('has a record of another message between the parts of one, or more parts than a message may have', () => {
    const names = ['site-1', 'site-2'];
    const opened = names.map((name, n) => [1, ...u32(n + 1), ...f64(1), 0, name.length, ...ascii(name)]);
    const part = (channel: number, bytes: number) => [3, ...u32(channel), ...u32(bytes), ...upTo(bytes)];
    const records = [
      [...part(1, 10), ...part(2, 10)],
      [...part(1, 60), ...part(1, 60)],
    ];
    for (const bad of records) {
      const side = new Side((batch) => [batch], { maxFrameBytes: 100 });
      const batch = Uint8Array.from([
        ...Array.from({ length: HEADER_BYTES }, () => 0),
        ...opened.flat(),
        ...bad,
      ]);
      writeHeader(batch, FIRST);
      expect(() => side.link.receive(batch)).toThrow(badData);
    }
  });

  it('makes the sender begin anew, even if it does not hear so the first time', async () => {
    let isBroken = true;
    let resets = 0;
    const [one, two]: [Side, Side] = pair((batch) => {
      const { isReset, number } = readHeader(batch);
      if (isReset) resets += 1;
      if (isReset && resets === 1) return [];
      if (isBroken && number === 1) batch[HEADER_BYTES] = 99;
      return [batch];
    });
    let rejected = 0;
    whenRejected(two, () => (rejected += 1));
    send(one, 1);
    await expect.poll(() => resets).toBe(1);
    isBroken = false;
    await expect
      .poll(() => {
        one.link.repeat(true);
        return one.lost;
      })
      .toEqual([`${NAME} 0 1`]);
    send(one, 2);
    await one.link.settled();
    expect([numbersOf(two), rejected]).toEqual([[2], 1]);
  });

  it('may have had reports behind it: what was on its way there is unknown, and the link goes on', async () => {
    let isBroken = false;
    const [one, two]: [Side, Side] = pair((batch) => {
      if (isBroken && readHeader(batch).number > 0) batch[HEADER_BYTES] = 99;
      return [batch];
    });
    let rejected = 0;
    whenRejected(one, () => {
      rejected += 1;
      isBroken = false;
    });
    two.isFast = false;
    send(one, 0);
    await expect.poll(() => numbersOf(two)).toEqual([0]);
    isBroken = true;
    send(two, 7);
    await expect.poll(() => [rejected, one.lost, one.link.isSettled]).toEqual([1, [`${NAME} 0 1`], true]);
    two.isFast = true;
    send(one, 1);
    await one.link.settled();
    expect(numbersOf(two)).toEqual([0, 1]);
  });

  it('of an unknown record is refused, as is a message on a channel that is not open', () => {
    const batch = new Uint8Array(HEADER_BYTES + 5);
    writeHeader(batch, FIRST);
    batch[HEADER_BYTES] = 99;
    expect(() => [...readRecords(batch)]).toThrow(badData);
    expect(readHeader(batch)).toMatchObject({ epoch: 1, number: 1, isReset: false });
    const [one] = pair();
    batch[HEADER_BYTES] = 2;
    expect(() => one.link.receive(batch)).toThrow(badData);
  });
});
