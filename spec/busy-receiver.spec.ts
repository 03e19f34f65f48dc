import { filter, map } from 'rxjs';
import type { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';

import { CommErrorCode } from '../lib/index.js';
import type { Communicator } from '../lib/communicator.js';
import { VirtualNetwork } from '../lib/testing/index.js';
import { marbles, stateOf, STATES } from './support/marbles.js';

const APP = 20;
const message = { payload: new Uint8Array(10_000) };

/**
 * A site has sent four messages to a hub whose receiver takes 200 s for each, and which stops reading at the second.
 * All else is by default.
 */
function busyHub(scheduler: TestScheduler): { network: VirtualNetwork; received: number[] } {
  const network = new VirtualNetwork(scheduler, { endMs: 1_000_000 });
  const hub = network.communicator('hub', { maxPendingBytes: 15_000 });
  const received: number[] = [];
  hub.registerMessageReceiver(APP, () => {
    received.push(scheduler.now());
    return {
      then: (done: () => void) => void scheduler.schedule(() => done(), 200_000),
    };
  });
  network.join('site-1', 'hub', 'j');
  network.send('site-1', 'hub', APP, '1s (abcd)', { a: message, b: message, c: message, d: message });
  return { network, received };
}

const timeoutOf = ({ lifecycle$ }: Communicator) =>
  lifecycle$.pipe(
    filter((event) => event.type === 'disconnected'),
    map(({ error }) => error?.code),
  );

describe('a peer whose receivers are busy for 200 s', () => {
  it('stays connected for both sides, and gets every message', () => {
    let received: number[] = [];
    marbles((scheduler, { expectObservable }) => {
      const { network, ...rest } = busyHub(scheduler);
      received = rest.received;
      expectObservable(stateOf(network.communicator('site-1'), 'hub'), '^ 900s !').toBe('(ar)', STATES);
      expectObservable(stateOf(network.communicator('hub'), 'site-1'), '^ 900s !').toBe('(ar)', STATES);
    });
    expect(received).toHaveLength(4);
  });

  it('is noticed when it freezes', () => {
    marbles((scheduler, { expectObservable }) => {
      const { network } = busyHub(scheduler);
      network.link('site-1', 'hub', '100s s');
      // A PING 30 s after the last sign of life, given up 75 s later.
      expectObservable(timeoutOf(network.communicator('site-1')), '^ 250s !').toBe('205s t', {
        t: CommErrorCode.TIMEOUT,
      });
    });
  });

  it('notices that its peer has frozen, once it reads again', () => {
    marbles((scheduler, { expectObservable }) => {
      const { network } = busyHub(scheduler);
      network.link('site-1', 'hub', '100s s');
      expectObservable(timeoutOf(network.communicator('hub')), '^ 700s !').toBe('310s t', {
        t: CommErrorCode.TIMEOUT,
      });
    });
  });
});
