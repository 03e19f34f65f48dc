import { filter, firstValueFrom, map, Subject, take, toArray } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import {
  CommErrorCode,
  Endpoint,
  type EndpointCandidate,
  EndpointState,
  Mode,
  textMessage,
  textOf,
} from '../lib/index.js';
import { FrameType } from '../lib/wire/prefix.js';
import { communicator, nextEvent, startListening, stopAll, untilState } from './support/communicators.js';
import { frame, hello, RawPeer } from './support/raw-peer.js';

afterEach(stopAll);

const byToken = ({ endpoint }: EndpointCandidate) => endpoint.properties.token === 'abc' || 'a bad token';

describe('verifyEndpoint on real sockets', () => {
  it.each(['tcp', 'http', 'grpc'])(
    'lets in who brings the token, and closes the others without the reason: %s',
    async (scheme) => {
      const hub = communicator('hub', { verifyEndpoint: (candidate) => Promise.resolve(byToken(candidate)) });
      hub.addConnector(`${scheme}://127.0.0.1:0`, Mode.PASSIVE);
      const url = await startListening(hub);
      const good = communicator(new Endpoint('good', { token: 'abc' }));
      good.addConnector(url, Mode.ACTIVE);
      await good.start();
      await Promise.all([untilState(hub, 'good'), untilState(good, 'hub')]);

      const refused = nextEvent(hub, 'refused');
      const bad = communicator(new Endpoint('bad', { token: 'abd' }));
      const ended = nextEvent(bad, 'disconnected');
      bad.addConnector(url, Mode.ACTIVE);
      await bad.start();
      const { endpointName, peerAddr, reason } = await refused;
      expect([endpointName, reason]).toEqual(['bad', 'a bad token']);
      expect(peerAddr).toMatch(/^127\.0\.0\.1:\d+$/);
      const message = (await ended).error?.message ?? 'closed';
      expect(message).toMatch('does not tell why');
      expect(message).not.toContain('token');
      expect([bad.findEndpoint('hub'), hub.findEndpoint('bad')]).toEqual([undefined, undefined]);
      expect(hub.findEndpoint('good')?.state).toBe(EndpointState.READY);
    },
  );

  it('lets frames that come meanwhile wait, in order, and sends no READY before', async () => {
    const answer = new Subject<boolean>();
    const hub = communicator('hub', { verifyEndpoint: () => answer });
    hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
    using peer = await RawPeer.connect(await startListening(hub));
    let answered = 0;
    peer.socket.on('data', (chunk) => (answered += chunk.length));
    const seen: string[] = [];
    hub.messages(1).subscribe(({ message }) => seen.push(textOf(message)));
    const all = firstValueFrom(hub.messages(1).pipe(take(300), toArray()));
    const numbers = Array.from({ length: 300 }, (_, n) => String(n));
    const frames = numbers.map((n) => frame(FrameType.DATA, new TextEncoder().encode(n), 1));
    peer.send(hello(), ...frames.slice(0, 100));
    while (!answer.observed) await new Promise(setImmediate);
    for (const each of frames.slice(100)) peer.send(each);
    await firstValueFrom(
      hub.stats$(20).pipe(
        filter(({ connections }) => connections[0]?.isPaused === true),
        take(3),
      ),
    );
    expect([seen, answered]).toEqual([[], 0]);
    answer.next(true);
    expect((await all).map(({ message }) => textOf(message))).toEqual(numbers);
    while (answered === 0) await new Promise(setImmediate);
  });

  it('is asked by the side that connects, too', async () => {
    const hub = communicator(new Endpoint('hub', { token: 'none' }));
    hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
    const url = await startListening(hub);
    const site = communicator('site-1', { verifyEndpoint: byToken });
    const refused = nextEvent(site, 'refused');
    site.addConnector(url, Mode.ACTIVE);
    await site.start();
    expect(await refused).toMatchObject({ endpointName: 'hub', reason: 'a bad token' });
    expect(site.findEndpoint('hub')).toBeUndefined();
  });

  it('does not hold up stop', async () => {
    // A stop that waits for the answer is the failure: the test does not end.
    expect.assertions(0);
    const asked = new Subject<void>();
    const hub = communicator('hub', {
      verifyEndpoint: () => {
        asked.next();
        return new Subject<boolean>();
      },
    });
    hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
    const first = firstValueFrom(asked);
    using peer = await RawPeer.connect(await startListening(hub));
    peer.send(hello());
    await first;
    peer.socket.end();
    await hub.stop();
    await peer.closed();
  });
});

describe("duplicateName 'incumbent' on real sockets", () => {
  it('refuses a second one under a live name, whose messages go on', async () => {
    const hub = communicator('hub', { duplicateName: 'incumbent' });
    hub.addConnector('http://127.0.0.1:0', Mode.PASSIVE);
    const url = await startListening(hub);
    const [first, second] = [communicator('site-1'), communicator('site-1')];
    first.addConnector(url, Mode.ACTIVE);
    await first.start();
    await Promise.all([untilState(hub, 'site-1'), untilState(first, 'hub')]);
    const refused = nextEvent(hub, 'refused');
    const ended = nextEvent(second, 'disconnected');
    second.addConnector(url, Mode.ACTIVE);
    await second.start();
    expect(await refused).toMatchObject({ endpointName: 'site-1' });
    expect((await ended).error).toMatchObject({
      code: CommErrorCode.REFUSED,
      reason: 'another connection has this name',
    });
    const arrived = firstValueFrom(hub.messages(1).pipe(map(({ message }) => textOf(message))));
    first.send('hub', 1, textMessage('still here'));
    expect(await arrived).toBe('still here');
  });

  it('lets a site back in whose old connection is silent', async () => {
    // Without a heartbeat, which may find the old one dead in the same moment, and then nobody is evicted.
    const options = { heartbeatIntervalMs: 0, heartbeatTimeoutMs: 200 };
    const hub = communicator('hub', { duplicateName: 'incumbent', ...options });
    hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
    const url = await startListening(hub);
    using old = await RawPeer.connect(url);
    old.send(hello({ endpoint_name: 'site-1' }));
    await untilState(hub, 'site-1');
    const evicted = nextEvent(hub, 'evicted');
    const site = communicator('site-1');
    site.addConnector(url, Mode.ACTIVE);
    await site.start();
    await untilState(site, 'hub');
    expect((await evicted).evicted.properties.peer_addr).toBe(`127.0.0.1:${old.localPort}`);
    await old.closed();
  });
});
