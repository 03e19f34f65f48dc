import { afterEach, describe, expect, it } from 'vitest';

import { firstValueFrom } from 'rxjs';

import { type Communicator, Mode } from '../lib/index.js';
import { communicator, nextEvent, startListening, stopAll, untilState } from './support/communicators.js';

afterEach(stopAll);

const MIB = 1024 ** 2;
const large = { payload: new Uint8Array(10 * MIB) };

async function siteOf(scheme: string): Promise<{ hub: Communicator; site: Communicator }> {
  const [hub, site] = [communicator('hub'), communicator('site-1')];
  hub.addConnector(`${scheme}://127.0.0.1:0`, Mode.PASSIVE);
  site.addConnector(await startListening(hub), Mode.ACTIVE);
  await site.start();
  await untilState(site, 'hub');
  return { hub, site };
}

describe('after drained()', () => {
  it.each(['tcp', 'http', 'grpc'])('the next send is accepted, whatever its size: %s', async (scheme) => {
    const { hub, site } = await siteOf(scheme);
    let received = 0;
    hub.messages(1).subscribe(({ bytes }) => (received += bytes));
    for (const bytes of [64 * MIB, 100 * 1024, 64 * MIB, 1]) {
      site.send('hub', 1, { payload: new Uint8Array(bytes) });
      await firstValueFrom(site.drained('hub'));
    }
    await expect.poll(() => received).toBeGreaterThan(128 * MIB);
  });
});

describe('sendAll', () => {
  it.each(['tcp', 'grpc'])('shares an endpoint with others that send large messages: %s', async (scheme) => {
    const { hub, site } = await siteOf(scheme);
    let received = 0;
    hub.messages(1).subscribe(() => (received += 1));
    const all = Array.from({ length: 8 }, () => site.sendAll('hub', 1, Array(3).fill(large)));
    expect(await Promise.all(all)).toEqual(Array(8).fill(3));
    await expect.poll(() => received).toBe(24);
  });

  it('asks for a message only when there is room for it', async () => {
    const { site } = await siteOf('tcp');
    const full: boolean[] = [];
    function* messages() {
      for (let count = 0; count < 5; count += 1) {
        yield large;
        full.push(!site.send('hub', 2, {}));
      }
    }
    await site.sendAll('hub', 1, messages());
    expect(full).toHaveLength(5);
  });
});

describe('messages to ourselves', () => {
  it('have the contract of send: false when there are enough, and drained() when there is room', async () => {
    const hub = communicator('hub');
    let received = 0;
    hub.messages(1).subscribe(() => (received += 1));
    const megabyte = { payload: new Uint8Array(1_000_000) };
    expect([hub.send('hub', 1, megabyte), hub.send('hub', 1, megabyte)]).toEqual([true, false]);
    await firstValueFrom(hub.drained('hub'));
    expect(received).toBeGreaterThan(0);
    expect(hub.send('hub', 1, {})).toBe(true);
    await expect(hub.sendAll('hub', 1, Array(200).fill(megabyte))).resolves.toBe(200);
  });

  it('wait for receivers that are busy, within limits', async () => {
    const hub = communicator('hub', {
      maxPendingBytes: 10_000_000,
      maxQueuedBytes: 20_000_000,
      drainTimeoutMs: 50,
    });
    hub.registerMessageReceiver(1, () => new Promise(() => undefined));
    // Each has memory of its own: what many messages share is held once.
    const megabyte = () => ({ payload: new Uint8Array(1_000_000) });
    for (let sent = 0; sent < 10; sent += 1) {
      hub.send('hub', 1, megabyte());
      await firstValueFrom(hub.drained('hub'));
    }
    expect(() => {
      for (let sent = 0; sent < 100; sent += 1) hub.send('hub', 1, megabyte());
    }).toThrow(/the queue to hub holds/);
    const dropped = nextEvent(hub, 'dropped');
    await hub.stop();
    expect(await dropped).toMatchObject({ endpointName: 'hub', reason: 'disconnected' });
  });
});
