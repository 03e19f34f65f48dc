import { firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { Mode } from '../lib/index.js';
import { communicator, nextEvent, startListening, stopAll, untilState } from './support/communicators.js';

afterEach(stopAll);

describe('an endpoint whose name another connection takes', () => {
  it.each(['http', 'grpc'])('is told so over %s, and not by whom', async (scheme) => {
    const hub = communicator('hub');
    hub.addConnector(`${scheme}://127.0.0.1:0`, Mode.PASSIVE);
    const url = await startListening(hub);
    const [older, newer] = ['older', 'newer'].map((ward) => {
      const site = communicator('site-1', {
        properties: () => ({ ward }),
        reconnectDelayMs: 60_000,
        maxReconnectDelayMs: 60_000,
      });
      site.addConnector(url, Mode.ACTIVE);
      return site;
    });
    if (older === undefined || newer === undefined) throw new Error('there are two');
    await older.start();
    await firstValueFrom(hub.ready('site-1'));
    const disconnected = nextEvent(older, 'disconnected');
    await newer.start();
    await untilState(newer, 'hub');
    const { error } = await disconnected;
    expect(error).toMatchObject({ code: 'CLOSED', detail: 'replaced' });
    const { peerAddr } = newer.stats().connections[0] ?? {};
    expect(error?.message).toContain('another connection presents itself under this name');
    expect(error?.message).not.toContain(newer.stats().connections[0]?.localAddr ?? peerAddr);
  });
});
