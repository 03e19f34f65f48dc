import type { Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';

import type { Communicator } from '../../lib/communicator.js';
import { CommErrorCode, textMessage } from '../../lib/index.js';
import { disconnectThrough, sendThrough } from '../../lib/monitor/index.js';
import { VirtualNetwork } from '../../lib/testing/index.js';
import { marbles } from '../support/marbles.js';

/** What a question to a hub that does not answer errors with; the site is connected for so long. */
function errorOf(connected: string, ask: (site: Communicator) => Observable<unknown>): unknown {
  let thrown: unknown;
  marbles((scheduler) => {
    const network = new VirtualNetwork(scheduler);
    const site = network.communicator('site-1');
    network.communicator('hub');
    network.join('site-1', 'hub', connected);
    scheduler.schedule(() => {
      const begun = scheduler.now();
      ask(site).subscribe({
        error: (error: unknown) => (thrown = { error, afterMs: scheduler.now() - begun }),
      });
    }, 5);
  });
  return thrown;
}

describe.each([
  ['sendThrough', (site: Communicator) => sendThrough(site, 'hub', 'site-2', 5, textMessage(''))],
  ['disconnectThrough', (site: Communicator) => disconnectThrough(site, 'hub', 'site-2')],
])('%s to a hub', (_name, ask) => {
  it('that is not connected errors at once', () => {
    expect(errorOf('-', ask)).toMatchObject({
      error: { code: CommErrorCode.CLOSED, message: 'endpoint hub is not connected' },
      afterMs: 0,
    });
  });

  it('that goes before it answers errors as not connected', () => {
    expect(errorOf('j 19ms l', ask)).toMatchObject({
      error: { code: CommErrorCode.CLOSED, message: expect.stringContaining('not connected') as unknown },
      afterMs: 5_000,
    });
  });

  it('that stays and does not answer errors with TIMEOUT', () => {
    expect(errorOf('j', ask)).toMatchObject({
      error: { code: CommErrorCode.TIMEOUT, message: expect.stringContaining('does not relay') as unknown },
      afterMs: 5_000,
    });
  });
});
