import { describe, expect, it } from 'vitest';

import { CommErrorCode, EndpointState } from '../lib/index.js';
import type { Communicator } from '../lib/communicator.js';
import { VirtualNetwork } from '../lib/testing/index.js';
import { marbles } from './support/marbles.js';

/** What each way to ask says of an endpoint. */
function says(hub: Communicator, name: string): readonly unknown[] {
  const seen: unknown[] = [hub.findEndpoint(name)?.state];
  hub.endpoints$.subscribe((endpoints) => (seen[1] = endpoints.get(name)?.state)).unsubscribe();
  hub
    .endpoint(name)
    .subscribe((endpoint) => (seen[2] = endpoint?.state))
    .unsubscribe();
  try {
    hub.send(name, 1, {});
    seen[3] = EndpointState.READY;
  } catch (error) {
    seen[3] = { error: (error as { code: unknown }).code };
  }
  return seen;
}

const { READY, CLOSING, DISCONNECTED } = EndpointState;
const ready = [READY, READY, READY, READY];
const closing = [CLOSING, CLOSING, CLOSING, { error: CommErrorCode.NOT_READY }];
const disconnected = [DISCONNECTED, DISCONNECTED, DISCONNECTED, { error: CommErrorCode.CLOSED }];
const forgotten = [undefined, undefined, undefined, { error: CommErrorCode.CLOSED }];

describe('findEndpoint, endpoint(name), endpoints$ and send', () => {
  it('agree inside of lifecycle$ and endpoints$, also after what was done there', () => {
    const seen: [string, readonly unknown[]][] = [];
    marbles((scheduler) => {
      const network = new VirtualNetwork(scheduler, { endMs: 900 });
      const hub = network.communicator('hub');
      network.join('site-1', 'hub', '-j');
      hub.lifecycle$.subscribe((event) => {
        if (event.type !== 'endpoint') return;
        if (event.endpoint.state === READY) hub.removeEndpoint('site-1');
        seen.push([`${event.endpoint.state} told`, says(hub, 'site-1')]);
      });
      hub.endpoints$.subscribe((endpoints) => {
        const state = endpoints.get('site-1')?.state;
        seen.push([`${state ?? 'no'} endpoint`, says(hub, 'site-1')]);
      });
    });
    expect(seen).toEqual([
      ['no endpoint', forgotten],
      ['READY endpoint', ready],
      ['READY told', ready],
      ['CLOSING endpoint', closing],
      ['CLOSING told', closing],
      ['DISCONNECTED endpoint', disconnected],
      ['DISCONNECTED told', disconnected],
      ['no endpoint', forgotten],
    ]);
  });
});
