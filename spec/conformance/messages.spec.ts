import { filter, firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { Endpoint, Mode, textMessage, textOf } from '../../lib/index.js';
import { parseUrl } from '../../lib/transport/url.js';
import { communicator, stopAll, untilState } from '../support/communicators.js';

const APP_ID = 123;

describe('two communicators', () => {
  afterEach(stopAll);

  it.each([
    ['tcp', 20_000, 21_000],
    ['grpc', 21_000, 22_000],
    ['http', 22_000, 23_000],
  ])('over %s, on a port from %i to %i, are both READY and exchange messages', async (scheme, low, high) => {
    const a = communicator(new Endpoint('communicator-a', { foo: 'test' }));
    const b = communicator(new Endpoint('communicator-b', { bar: 123 }));
    const { connectUrl } = await a.startListener(scheme, { ports: `${low}-${high}` });
    await a.start();
    const { port } = parseUrl(connectUrl);
    expect(port).toBeGreaterThanOrEqual(low);
    expect(port).toBeLessThanOrEqual(high);
    b.addConnector(connectUrl, Mode.ACTIVE);
    await b.start();
    const [fromB, fromA] = [firstValueFrom(a.messages(APP_ID)), firstValueFrom(b.messages(APP_ID))];
    expect((await untilState(a, 'communicator-b')).properties).toEqual({ bar: 123 });
    expect((await untilState(b, 'communicator-a')).properties).toEqual({ foo: 'test' });
    a.send('communicator-b', APP_ID, textMessage('from a', {}));
    b.send('communicator-a', APP_ID, textMessage('from b', {}));
    const received = await Promise.all([fromA, fromB]);
    expect(received.map(({ message, endpoint }) => [endpoint.name, textOf(message)])).toEqual([
      ['communicator-a', 'from a'],
      ['communicator-b', 'from b'],
    ]);
  });

  it('that were apart meet again under the same name', async () => {
    const hub = communicator('hub');
    const { connectUrl } = await hub.startListener('tcp');
    await hub.start();
    for (const text of ['before', 'after']) {
      const site = communicator('site-1');
      site.addConnector(connectUrl, Mode.ACTIVE);
      await site.start();
      await untilState(site, 'hub');
      const arrived = firstValueFrom(
        hub.messages(APP_ID).pipe(filter(({ message }) => textOf(message) === text)),
      );
      site.send('hub', APP_ID, textMessage(text));
      expect((await arrived).endpoint.name).toBe('site-1');
      await site.stop();
      await untilState(hub, 'site-1', 'DISCONNECTED');
    }
  });
});
