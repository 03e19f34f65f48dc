import { map } from 'rxjs';
import { describe, expect, it } from 'vitest';

import type { Communicator } from '../../lib/communicator.js';
import { sendIfPossible, sendWhenRoom, whenRoom } from '../../lib/monitor/send-when-room.js';
import { VirtualNetwork } from '../../lib/testing/index.js';
import { marbles } from '../support/marbles.js';

const APP = 5;
const bytes = (length: number) => ({ payload: new Uint8Array(length) });
const OPTIONS = { highWaterMarkBytes: 1_000, maxQueuedBytes: 2_000 };

/** A hub at frame 5, whose link to site-1 is stalled from frame 2 to frame 9. */
function stalled(test: (hub: Communicator) => void): void {
  marbles((scheduler) => {
    const network = new VirtualNetwork(scheduler, { options: OPTIONS });
    const hub = network.communicator('hub');
    network.join('site-1', 'hub', 'j');
    network.link('hub', 'site-1', 'u-s------u');
    scheduler.schedule(() => test(hub), 5);
  });
}

describe('sendIfPossible', () => {
  it('says whether it was sent, and does not throw for an endpoint that is unknown or has a full queue', () => {
    let sent: readonly boolean[] = [];
    stalled((hub) => {
      const send = (name: string) => sendIfPossible(hub, name, APP, bytes(900));
      sent = [send('site-2'), send('site-1'), send('site-1'), send('site-1'), send('site-1'), send('site-1')];
    });
    expect(sent.slice(0, 2)).toEqual([false, true]);
    expect(sent.at(-1)).toBe(false);
  });

  it('throws what is no CommError', () => {
    stalled((hub) => {
      const message = {
        get payload(): never {
          throw new RangeError('no bytes');
        },
      };
      expect(() => sendIfPossible(hub, 'site-1', APP, message)).toThrow(RangeError);
    });
    expect.assertions(1);
  });
});

describe('whenRoom', () => {
  it('emits at once where there is room, and completes without a value for an endpoint that is unknown', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler, { options: OPTIONS });
      const hub = network.communicator('hub');
      network.join('site-1', 'hub', 'j');
      const room$ = (name: string) => whenRoom(hub, name).pipe(map(() => 'r'));
      expectObservable(room$('site-1'), '--^').toBe('--(r|)');
      expectObservable(room$('site-2'), '--^').toBe('--|');
    });
  });
});

describe('sendWhenRoom', () => {
  it('waits until the queue has room', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler, { options: OPTIONS });
      const [hub, site] = [network.communicator('hub'), network.communicator('site-1')];
      network.join('site-1', 'hub', 'j');
      network.link('hub', 'site-1', 'u-s------u');
      const length$ = site.messages(APP).pipe(map(({ message }) => String(message.payload?.length)));
      expectObservable(length$).toBe('---------(ab)', { a: '1500', b: '7' });
      scheduler.schedule(() => {
        hub.send('site-1', APP, bytes(1_500));
        sendWhenRoom(hub, 'site-1', APP, bytes(7)).subscribe();
        expect(hub.stats().endpoints[0]?.queued.messages).toBe(1);
      }, 5);
    });
    expect.assertions(2);
  });
});
