import { concatMap, filter, firstValueFrom, take } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { CommErrorCode, ConnectionLimitError, EndpointState, Mode } from '../lib/index.js';
import { communicator, nextEvent, startListening, stopAll, untilState } from './support/communicators.js';
import { hello, RawPeer } from './support/raw-peer.js';

afterEach(stopAll);

describe('a listener at its limit', () => {
  it('closes the newcomer, tells so, and takes one again when one has gone', async () => {
    const hub = communicator('hub', { maxConnections: 1 });
    hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
    const url = await startListening(hub);
    using first = await RawPeer.connect(url);
    first.send(hello({ endpoint_name: 'first' }));
    await untilState(hub, 'first');
    const limited = nextEvent(hub, 'limited');
    using second = await RawPeer.connect(url);
    await second.closed();
    const { limit, connections, peerAddr } = await limited;
    expect([limit, connections]).toEqual(['maxConnections', 1]);
    expect(peerAddr).toBe(`127.0.0.1:${second.localPort}`);
    expect(hub.findEndpoint('first')?.state).toBe(EndpointState.READY);
    first.socket.destroy();
    await untilState(hub, 'first', EndpointState.DISCONNECTED);
    using third = await RawPeer.connect(url);
    third.send(hello({ endpoint_name: 'third' }));
    await untilState(hub, 'third');
  });

  it('lets go of a silent connection for a new one, which tells why it ended', async () => {
    const hub = communicator('hub', { maxUnauthenticatedConnections: 1 });
    hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
    const url = await startListening(hub);
    const ended = nextEvent(hub, 'disconnected');
    using silent = await RawPeer.connect(url);
    using peer = await RawPeer.connect(url);
    peer.send(hello({ endpoint_name: 'site-1' }));
    await Promise.all([silent.closed(), untilState(hub, 'site-1')]);
    expect((await ended).error).toBeInstanceOf(ConnectionLimitError);
    expect((await ended).error).toMatchObject({ code: CommErrorCode.NOT_READY });
  });

  it.each([
    ['stop', 'disconnected'],
    ['stop', 'limited'],
    ['removeConnector', 'disconnected'],
    ['removeConnector', 'limited'],
  ] as const)('lets nobody in any more where %s is called when it hears of %s', async (method, type) => {
    const hub = communicator('hub', { maxUnauthenticatedConnections: 1 });
    const handle = hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
    const url = await startListening(hub);
    const ended = firstValueFrom(
      hub.lifecycle$.pipe(
        filter((event) => event.type === type),
        concatMap(() => (method === 'stop' ? hub.stop() : hub.removeConnector(handle))),
        take(1),
      ),
    );
    using first = await RawPeer.connect(url);
    using second = await RawPeer.connect(url);
    second.send(hello({ endpoint_name: 'site-1' }));
    await Promise.all([ended, first.closed(), second.closed()]);
    expect([hub.stats().connections, hub.findEndpoint('site-1')]).toEqual([[], undefined]);
  });

  it('tells a WebSocket to try again later', async () => {
    const hub = communicator('hub', { maxConnections: 1 });
    hub.addConnector('http://127.0.0.1:0', Mode.PASSIVE);
    const url = await startListening(hub);
    const [first, second] = [communicator('first'), communicator('second')];
    first.addConnector(url, Mode.ACTIVE);
    await first.start();
    await untilState(hub, 'first');
    const ended = nextEvent(second, 'disconnected');
    second.addConnector(url, Mode.ACTIVE);
    await second.start();
    expect((await ended).error).toMatchObject({
      code: CommErrorCode.NOT_READY,
      message: expect.stringContaining('close code 1013') as unknown,
    });
  });
});
