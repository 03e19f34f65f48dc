import { Socket } from 'node:net';

import { VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { GreetingSockets } from '../../../lib/drivers/node/greeting-sockets.js';
import { logger } from '../../../lib/log.js';

const log = logger('test');

/** A socket that is not connected, from a port of 127.0.0.1. */
function accepted(port: number): Socket {
  return Object.defineProperties(new Socket(), {
    remoteAddress: { value: '127.0.0.1' },
    remotePort: { value: port },
  });
}

describe('sockets that are no connections yet', () => {
  it('are closed 10 s after they were accepted, each', () => {
    const scheduler = new VirtualTimeScheduler(undefined, 10_000);
    const greeting = new GreetingSockets(log, scheduler);
    const [first, second] = [accepted(1), accepted(2)];
    greeting.add(first);
    scheduler.schedule(() => greeting.add(second), 5_000);
    scheduler.schedule(() => expect(first.destroyed).toBe(false), 9_999);
    scheduler.flush();
    expect([first.destroyed, second.destroyed]).toEqual([true, false]);
    scheduler.maxFrames = 15_000;
    scheduler.flush();
    expect(second.destroyed).toBe(true);
  });

  it('stay when they have become connections, and leave no timer when they have closed', async () => {
    const scheduler = new VirtualTimeScheduler();
    const greeting = new GreetingSockets(log, scheduler);
    const [connected, gone] = [accepted(1), accepted(2)];
    greeting.add(connected);
    greeting.add(gone);
    greeting.release('127.0.0.1:1');
    gone.destroy();
    await new Promise((resolve) => gone.once('close', resolve));
    scheduler.flush();
    expect(scheduler.frame).toBe(0);
    expect(connected.destroyed).toBe(false);
    greeting.destroy();
    expect(connected.destroyed).toBe(false);
  });

  it('are closed at the end of the listening', () => {
    const greeting = new GreetingSockets(log, new VirtualTimeScheduler());
    const socket = accepted(1);
    greeting.add(socket);
    greeting.destroy();
    expect(socket.destroyed).toBe(true);
  });

  it('are 4,000 at most: the oldest goes first', () => {
    const greeting = new GreetingSockets(log, new VirtualTimeScheduler());
    const sockets = Array.from({ length: 4_002 }, (_, port) => accepted(port));
    for (const socket of sockets) greeting.add(socket);
    expect(sockets.filter(({ destroyed }) => destroyed)).toEqual(sockets.slice(0, 2));
  });
});
