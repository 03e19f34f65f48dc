import { describe, expect, it } from 'vitest';

import { InProcessDriver } from '../lib/drivers/index.js';
import { Mode, Communicator, Endpoint } from '../lib/index.js';
import { DriverRegistry } from '../lib/transport/driver-registry.js';

describe('a message that is received', () => {
  it('keeps its size, whatever a subscriber does in between, so that busy receivers pause its connection', async () => {
    const drivers = new DriverRegistry([new InProcessDriver()]);
    const [hub, one, other] = ['hub', 'one', 'other'].map(
      (name) => new Communicator(new Endpoint(name), { maxPendingBytes: 1_000_000 }, drivers),
    ) as [Communicator, Communicator, Communicator];
    hub.addConnector('inproc://room', Mode.PASSIVE);
    await hub.start();
    for (const site of [one, other]) {
      site.addConnector('inproc://room', Mode.ACTIVE);
      await site.start();
    }
    await expect.poll(() => hub.findEndpoint('other')?.state).toBe('READY');
    const connectionOf = (name: string) =>
      hub.stats().connections.find(({ endpointName }) => endpointName === name);
    hub.messages(1).subscribe(({ endpoint, connection }) => {
      if (endpoint.name === 'one') paused?.resume();
      else connection.pause();
    });
    let paused: { resume(): void } | undefined;
    hub.messages(2).subscribe(({ connection }) => {
      paused = connection;
      connection.pause();
    });
    hub.registerMessageReceiver(1, () => new Promise(() => undefined));
    other.send('hub', 2, {});
    await expect.poll(() => paused).toBeDefined();
    other.send('hub', 1, {});
    one.send('hub', 1, { payload: new Uint8Array(5_000_000) });
    await expect.poll(() => connectionOf('one')?.pendingBytes).toBeGreaterThan(5_000_000);
    expect(connectionOf('one')?.isPaused).toBe(true);
    await Promise.all([hub, one, other].map((each) => each.stop()));
  });
});
