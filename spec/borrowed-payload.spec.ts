import { once } from 'node:events';
import { MessageChannel } from 'node:worker_threads';

import { firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { CommErrorCode, type Communicator, Mode, type ReceivedMessage, releaseMemory } from '../lib/index.js';
import { encodeHead } from '../lib/wire/frame.js';
import { FrameType } from '../lib/wire/prefix.js';
import { communicator, startListening, stopAll, untilState } from './support/communicators.js';
import { pattern } from './support/pattern.js';

const BORROWED = 100;
const KEPT = 101;

afterEach(stopAll);

/** A hub, and sites that are connected to it. */
async function starOf(...names: string[]): Promise<{ hub: Communicator; sites: Communicator[] }> {
  const hub = communicator('hub');
  hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
  const url = await startListening(hub);
  const sites = names.map((name) => communicator(name));
  for (const site of sites) {
    site.addConnector(url, Mode.ACTIVE);
    await site.start();
    await untilState(site, 'hub');
    await untilState(hub, site.localEndpoint.name);
  }
  return { hub, sites };
}

const isWhole = (payload: Uint8Array | undefined, size: number, seed: number) =>
  payload !== undefined && Buffer.compare(payload, pattern(size, seed)) === 0;

describe('a borrowed payload', () => {
  it('is whole while it is lent, and its memory is never that of a payload that was kept', async () => {
    const { hub, sites } = await starOf('site-1', 'site-2');
    const count = 60;
    const sizeOf = (index: number) => 270_000 + ((index * 104_729) % 900_000);
    const wrong: string[] = [];
    const late: Uint8Array[] = [];
    const kept: ReceivedMessage[] = [];
    const check = ({ endpoint, message: { headers, payload } }: ReceivedMessage) => {
      const index = Number(headers?.index);
      if (!isWhole(payload, sizeOf(index), index)) wrong.push(`${endpoint.name} ${index}`);
    };
    const all = new Promise<void>((resolve) => {
      const note = () => kept.length + late.length === count * 2 && resolve();
      hub.registerMessageReceiver(KEPT, (received) => {
        kept.push(received);
        note();
      });
      hub.registerMessageReceiver(
        BORROWED,
        async (received) => {
          await new Promise((resume) => setImmediate(resume));
          check(received);
          late.push(received.message.payload ?? new Uint8Array(1));
          note();
        },
        { borrow: true },
      );
    });
    await Promise.all(
      sites.map((site) =>
        Promise.all(
          [BORROWED, KEPT].map((appId, half) =>
            site.sendAll(
              'hub',
              appId,
              (function* () {
                for (let index = half; index < count; index += 2) {
                  yield { headers: { index }, payload: pattern(sizeOf(index), index) };
                }
              })(),
            ),
          ),
        ),
      ),
    );
    await all;
    for (const received of kept) check(received);
    expect(wrong).toEqual([]);
    expect([kept.length, late.length]).toEqual([count, count]);
    await expect.poll(() => late.every(({ length }) => length === 0)).toBe(true);
  });

  it('that is sent on arrives as it was, and its memory is used again when it is written', async () => {
    const { hub, sites } = await starOf('site-1', 'site-2');
    const [from, to] = sites as [Communicator, Communicator];
    const sentOn: Uint8Array[] = [];
    hub.registerMessageReceiver(
      BORROWED,
      ({ message }) => {
        hub.send('site-2', KEPT, message);
        if (message.payload !== undefined) sentOn.push(message.payload);
      },
      { borrow: true },
    );
    const wrong: number[] = [];
    const arrived = new Promise<void>((resolve) => {
      let count = 0;
      to.registerMessageReceiver(KEPT, ({ message: { headers, payload } }) => {
        const index = Number(headers?.index);
        if (!isWhole(payload, 400_000, index)) wrong.push(index);
        if ((count += 1) === 20) resolve();
      });
    });
    for (let index = 0; index < 20; index += 1)
      from.send('hub', BORROWED, { headers: { index }, payload: pattern(400_000, index) });
    await arrived;
    expect(wrong).toEqual([]);
    await expect.poll(() => sentOn.map(({ length }) => length)).toEqual(sentOn.map(() => 0));
    expect(sentOn.length).toBe(20);
  });

  it("that its receiver transfers to a worker is the worker's, and breaks nothing", async () => {
    const { hub, sites } = await starOf('site-1');
    const { port1, port2 } = new MessageChannel();
    const atWorker = once(port2, 'message');
    hub.registerMessageReceiver(
      BORROWED,
      ({ message: { payload } }) => payload && port1.postMessage(payload, [payload.buffer as ArrayBuffer]),
      { borrow: true },
    );
    sites[0]?.send('hub', BORROWED, { payload: pattern(400_000) });
    const [payload] = (await atWorker) as [Uint8Array];
    expect(isWhole(payload, 400_000, 0)).toBe(true);
    port1.close();
  });

  it('that is sent on one connection arrives as it was', async () => {
    const { hub, sites } = await starOf('site-1');
    const arrived = new Promise<Uint8Array | undefined>((resolve) => {
      sites[0]?.registerMessageReceiver(KEPT, ({ message }) => resolve(message.payload));
    });
    hub.registerMessageReceiver(
      BORROWED,
      ({ connection, message: { payload } }) => {
        const head = encodeHead({ type: FrameType.DATA, appId: KEPT, streamId: 1 }, payload?.length ?? 0);
        connection.send(head, payload);
      },
      { borrow: true },
    );
    sites[0]?.send('hub', BORROWED, { payload: pattern(400_000) });
    expect(isWhole(await arrived, 400_000, 0)).toBe(true);
  });

  it('that is sent to ourselves stays as it is', async () => {
    const { hub, sites } = await starOf('site-1');
    const received = new Promise<Uint8Array | undefined>((resolve) => {
      hub.registerMessageReceiver(KEPT, ({ message }) => resolve(message.payload));
    });
    hub.registerMessageReceiver(BORROWED, ({ message }) => void hub.send('hub', KEPT, message), {
      borrow: true,
    });
    sites[0]?.send('hub', BORROWED, { payload: pattern(400_000) });
    const payload = await received;
    sites[0]?.send('hub', BORROWED, { payload: pattern(400_000, 1) });
    await firstValueFrom(hub.messages(KEPT));
    expect(isWhole(payload, 400_000, 0)).toBe(true);
  });

  it('that is sent on too late is refused, and not sent empty', async () => {
    const { hub, sites } = await starOf('site-1');
    const received = new Promise<Uint8Array | undefined>((resolve) => {
      hub.registerMessageReceiver(BORROWED, ({ message }) => resolve(message.payload), { borrow: true });
    });
    sites[0]?.send('hub', BORROWED, { payload: pattern(400_000) });
    const payload = await received;
    const refused = expect.objectContaining({
      code: CommErrorCode.BAD_DATA,
      message: expect.stringContaining('given back') as string,
    }) as Error;
    expect(() => hub.send('site-1', KEPT, { payload })).toThrow(refused);
    for (const empty of [new Uint8Array(0), new Uint8Array(10).subarray(10), Buffer.from('abc').subarray(3)])
      expect(hub.send('site-1', KEPT, { payload: empty })).toBe(true);
  });

  it('stays as it is where a subscriber of frames$ has seen it too', async () => {
    const { hub, sites } = await starOf('site-1');
    const [handle = ''] = new Set(hub.stats().connections.map((connection) => connection.handle));
    const frames: Uint8Array[] = [];
    hub.findConnector(handle)?.frames$.subscribe((frame) => frames.push(frame));
    const lent = firstValueFrom(hub.messages(KEPT));
    const payloads: (Uint8Array | undefined)[] = [];
    hub.registerMessageReceiver(BORROWED, ({ message }) => payloads.push(message.payload), { borrow: true });
    sites[0]?.send('hub', BORROWED, { payload: pattern(400_000) });
    sites[0]?.send('hub', KEPT, {});
    await lent;
    expect(payloads.map((payload) => isWhole(payload, 400_000, 0))).toEqual([true]);
    expect(frames.some(({ length }) => length > 400_000)).toBe(true);
  });

  it('is given back by hand as well, once, where nobody else has seen it', async () => {
    const { hub, sites } = await starOf('site-1');
    const payloads: Uint8Array[] = [];
    hub.registerMessageReceiver(KEPT, ({ message: { payload } }) => payload && payloads.push(payload));
    const watching = hub.messages(BORROWED).subscribe();
    hub.registerMessageReceiver(BORROWED, ({ message: { payload } }) => payload && payloads.push(payload));
    for (const [appId, bytes] of [
      [KEPT, 400_000],
      [KEPT, 100],
      [BORROWED, 400_000],
    ] as const)
      sites[0]?.send('hub', appId, { payload: pattern(bytes) });
    await expect.poll(() => payloads.length).toBe(3);
    const released = payloads.map((payload) => [releaseMemory(payload.subarray(5)), releaseMemory(payload)]);
    expect(released).toEqual([
      [true, false],
      [false, false],
      [false, false],
    ]);
    expect(payloads.map(({ length }) => length)).toEqual([0, 100, 400_000]);
    watching.unsubscribe();
  });
});
