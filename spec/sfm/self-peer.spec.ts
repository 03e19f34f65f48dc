import { EMPTY, VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { Endpoint } from '../../lib/endpoint.js';
import type { UndeliveredEvent } from '../../lib/lifecycle.js';
import { resolveOptions } from '../../lib/options.js';
import type { ReceivedMessage } from '../../lib/received-message.js';
import { MessageRouter } from '../../lib/sfm/message-router.js';
import { SelfPeer } from '../../lib/sfm/self-peer.js';

/** What sends to ourselves, beside a receiver that may keep its connection paused. */
function setUp({ isBusy }: { isBusy: boolean }) {
  const scheduler = new VirtualTimeScheduler();
  const router = new MessageRouter(1_000);
  const self = new SelfPeer(new Endpoint('hub'), router, resolveOptions({ drainTimeoutMs: 5, scheduler }));
  const received: ReceivedMessage[] = [];
  router.messages(1).subscribe((message) => {
    received.push(message);
    if (isBusy) message.connection.pause();
  });
  const events: UndeliveredEvent[] = [];
  self.events$.subscribe((event) => events.push(event));
  /** Waits for the arrival, and says how it ended. */
  function arrived() {
    const ends: string[] = [];
    self.arrived().subscribe({ complete: () => ends.push('arrived') });
    return ends;
  }
  return { scheduler, self, received, events, arrived };
}

const later = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('the arrival of messages to ourselves', () => {
  it('is at once where nothing was sent', () => {
    expect(setUp({ isBusy: false }).arrived()).toEqual(['arrived']);
  });

  it('is when the last one is with its receivers', async () => {
    const { self, received, events, arrived } = setUp({ isBusy: false });
    for (let count = 0; count < 3; count += 1) self.send(1, {});
    const ends = arrived();
    expect(ends).toEqual([]);
    await later();
    expect([received.length, ends, events]).toEqual([3, ['arrived'], []]);
  });

  it('is given up after drainTimeoutMs, and what has not arrived is told', async () => {
    const { scheduler, self, received, events, arrived } = setUp({ isBusy: true });
    for (let count = 0; count < 3; count += 1) self.send(1, { payload: new Uint8Array(84) });
    const ends = arrived();
    await later();
    expect([received.length, ends]).toEqual([1, []]);
    scheduler.flush();
    expect([scheduler.now(), ends]).toEqual([5, ['arrived']]);
    expect(events).toEqual([
      {
        type: 'dropped',
        reason: 'disconnected',
        endpointName: 'hub',
        undelivered: { messages: 2, bytes: 200 },
        unknown: { messages: 0, bytes: 0 },
      },
    ]);
  });
});

describe('the end of what sends to ourselves', () => {
  it('ends its events and the connection of its messages', async () => {
    const { self, received } = setUp({ isBusy: false });
    self.send(1, {});
    await later();
    const ends: string[] = [];
    self.events$.subscribe({ complete: () => ends.push('events') });
    (received[0]?.connection.closed$ ?? EMPTY).subscribe({ complete: () => ends.push('connection') });
    self.complete();
    expect(ends).toEqual(['connection', 'events']);
  });
});
