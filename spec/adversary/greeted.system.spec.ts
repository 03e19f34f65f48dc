import { Subject } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { Mode } from '../../lib/index.js';
import { communicator, nextEvent, startListening, stopAll, untilState } from '../support/communicators.js';
import { hello, RawPeer } from '../support/raw-peer.js';

afterEach(stopAll);

describe('strangers', () => {
  it('that are silent do not push out a site that `verifyEndpoint` is asked about', async () => {
    const answer = new Subject<boolean>();
    const hub = communicator('hub', {
      maxUnauthenticatedConnections: 5,
      verifyEndpoint: () => answer,
    });
    hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
    const url = await startListening(hub);
    using site = await RawPeer.connect(url);
    site.send(hello({ endpoint_name: 'site-1' }));
    await expect.poll(() => answer.observed).toBe(true);
    const limited = nextEvent(hub, 'limited');
    const silent = await Promise.all(Array.from({ length: 5 }, () => RawPeer.connect(url)));
    expect((await limited).peerAddr).not.toBe(`127.0.0.1:${site.localPort}`);
    answer.next(true);
    await untilState(hub, 'site-1');
    for (const peer of silent) peer[Symbol.dispose]();
  });
});
