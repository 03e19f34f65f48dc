import { filter, firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { DEFAULTS, type LimitedEvent, Mode, textMessage, textOf } from '../lib/index.js';
import { communicator, startListening, stopAll, untilState } from './support/communicators.js';
import { SilentPeers } from './support/silent-peers.js';

const UPGRADE =
  'GET /f3 HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\n\r\n';

/** The preface of HTTP/2 and an empty SETTINGS frame. */
const HTTP2_PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0';

const SILENT = 5_000;

afterEach(stopAll);

/** The sockets of this process. */
function sockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
}

describe('a flood of silent connections', () => {
  it.each([
    ['to tcp', 'tcp', ''],
    ['to http, without a request', 'http', ''],
    ['to http, with a WebSocket each', 'http', UPGRADE],
    ['to grpc, without a call', 'grpc', HTTP2_PREFACE],
  ])(
    'keeps no site out, is bounded, and is told in a few lines: %s',
    async (_name, scheme, greeting) => {
      const hub = communicator('hub', { handshakeTimeoutMs: 60_000 });
      const limited: LimitedEvent[] = [];
      hub.lifecycle$
        .pipe(filter((event): event is LimitedEvent => event.type === 'limited'))
        .subscribe((event) => limited.push(event));
      hub.addConnector(`${scheme}://127.0.0.1:0`, Mode.PASSIVE);
      const url = await startListening(hub);
      await using _peers = await SilentPeers.connect(url, SILENT, greeting);
      const site = communicator('site-1');
      site.addConnector(url, Mode.ACTIVE);
      await site.start();
      await Promise.all([untilState(hub, 'site-1'), untilState(site, 'hub')]);
      const arrived = firstValueFrom(hub.messages(1));
      site.send('hub', 1, textMessage('here'));
      expect(textOf((await arrived).message)).toBe('here');
      // Those that are silent, two ends of the site, and a few that are being closed.
      expect(sockets()).toBeLessThan(DEFAULTS.maxUnauthenticatedConnections + 100);
      expect(hub.stats().connections.length).toBeLessThanOrEqual(DEFAULTS.maxUnauthenticatedConnections + 1);
      expect(limited.map(({ connections }) => connections)).toEqual(limited.map((_, index) => 2 ** index));
      // Without a request they are no connections yet, and the driver bounds them.
      expect(limited.length > 0).toBe(scheme === 'tcp' || greeting === UPGRADE);
    },
    60_000,
  );
});
