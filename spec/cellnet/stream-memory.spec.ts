import { lastValueFrom, mergeMap, take, toArray } from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { Cell } from '../../lib/cellnet/index.js';
import { type Communicator, Mode } from '../../lib/index.js';
import { communicator, startListening, stopAll, untilState } from '../support/communicators.js';
import { pattern } from '../support/pattern.js';

const MIB = 1024 ** 2;
const SIZE = 6 * MIB;

afterEach(stopAll);

/** `site-1` and `site-2` over TCP, with the server between them. */
async function setUp() {
  const relay = communicator('server');
  relay.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
  new Cell(relay);
  const url = await startListening(relay);
  const join = async (name: string): Promise<Cell> => {
    const site = communicator(name);
    site.addConnector(url, Mode.ACTIVE);
    const cell = new Cell(site);
    await site.start();
    await untilState(site, 'server');
    await untilState(relay, name);
    return cell;
  };
  return { relay, one: await join('site-1'), two: await join('site-2') };
}

/** What a relay passes on of streams. */
function passedOn(relay: Communicator): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  const send = relay.send.bind(relay);
  vi.spyOn(relay, 'send').mockImplementation((to, appId, message) => {
    const { payload } = message;
    if (payload?.length === MIB) payloads.push(payload);
    return send(to, appId, message);
  });
  return payloads;
}

describe('the memory of a stream', () => {
  it('is used again where its chunks are borrowed, and never that of chunks that are kept', async () => {
    const { one, two } = await setUp();
    const kept: Uint8Array[][] = [];
    const borrowed: Uint8Array[] = [];
    const wrong: number[] = [];
    const reading = two
      .streams('c', 'kept')
      .pipe(mergeMap(({ chunks$ }) => chunks$.pipe(toArray())))
      .subscribe((chunks) => kept.push(chunks));
    reading.add(
      two
        .streams('c', 'borrowed')
        .pipe(
          mergeMap((stream) => {
            const whole = pattern(SIZE, Number(stream.headers.seed));
            let offset = 0;
            const check = async (chunk: Uint8Array) => {
              const { length } = chunk;
              await new Promise((resume) => setImmediate(resume));
              if (Buffer.compare(chunk, whole.subarray(offset, offset + length)) !== 0) wrong.push(offset);
              offset += length;
              borrowed.push(chunk);
            };
            return stream.consume(check, { borrow: true });
          }),
        )
        .subscribe(),
    );
    const send = (topic: string, seed: number) =>
      lastValueFrom(
        one.sendStream('site-2', 'c', topic, pattern(SIZE, seed), { headers: { seed }, confirmMs: 20_000 }),
      );
    await Promise.all([1, 2, 3].flatMap((seed) => [send('kept', 7), send('borrowed', seed)]));
    await vi.waitUntil(() => kept.length === 3 && borrowed.length === 18, 30_000);
    const whole = pattern(SIZE, 7);
    expect(kept.map((chunks) => Buffer.compare(Buffer.concat(chunks), whole))).toEqual([0, 0, 0]);
    expect(wrong).toEqual([]);
    await vi.waitUntil(() => borrowed.every(({ length }) => length === 0), 30_000);
    reading.unsubscribe();
  });

  it('is used again where a cell has passed it on', async () => {
    const { relay, one, two } = await setUp();
    const payloads = passedOn(relay);
    const whole = lastValueFrom(
      two.streams('c', 't').pipe(
        take(1),
        mergeMap(({ bytes$ }) => bytes$),
      ),
    );
    await lastValueFrom(one.sendStream('site-2', 'c', 't', pattern(SIZE, 3)));
    expect(Buffer.compare(await whole, pattern(SIZE, 3))).toBe(0);
    expect(payloads.length).toBe(6);
    await vi.waitUntil(() => payloads.every(({ length }) => length === 0), 30_000);
  });
});
