import { firstValueFrom, toArray } from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { CommError, Endpoint, type LifecycleEvent, Mode } from '../lib/index.js';
import { describeEndpoint, serveStats, watchStats } from '../lib/monitor/index.js';
import { reportEvent } from '../lib/monitor/reported-event.js';
import { parseUrl } from '../lib/transport/url.js';
import { communicator, nextEvent, startListening, stopAll, untilState } from './support/communicators.js';
import { freePort } from './support/free-port.js';

const SECRET = 's3cr3t-7f3a';
const QUERY = `?token=${SECRET}&secure=0#${SECRET}`;

afterEach(stopAll);

/** All that is meant for eyes: of an event its report and its own texts, of an error those of all its causes. */
function shown(event: LifecycleEvent): string {
  const texts = Object.values(event).filter((value) => typeof value === 'string');
  const { error } = event as { readonly error?: Error };
  return JSON.stringify([reportEvent(event, 0), texts, textsOf(error)]);
}

function textsOf(error: unknown): string[] {
  return error instanceof Error ? [error.message, ...textsOf(error.cause)] : [];
}

describe('a secret', () => {
  it.each(['tcp', 'http', 'grpc'])(
    'in a URL or in properties is in nothing that %s shows',
    async (scheme) => {
      const hub = communicator('hub');
      hub.addConnector(`${scheme}://127.0.0.1:0${QUERY}`, Mode.PASSIVE);
      serveStats(hub, { history: true });
      const hubEvents = firstValueFrom(hub.lifecycle$.pipe(toArray()));
      const url = await startListening(hub);
      const site = communicator(new Endpoint('site-1', { token: SECRET, city: 'bern' }));
      site.addConnector(`${url}${QUERY}`, Mode.ACTIVE);
      site.addConnector(`${scheme}://127.0.0.1:${await freePort()}${QUERY}`, Mode.ACTIVE);
      const siteEvents = firstValueFrom(site.lifecycle$.pipe(toArray()));
      const retrying = nextEvent(site, 'retrying');
      void site.start();
      await untilState(site, 'hub');
      await retrying;
      const report = await firstValueFrom(watchStats(site, 'hub', 100));
      const details = await firstValueFrom(describeEndpoint(site, 'hub', 'site-1'));
      const stats = [hub.stats(), site.stats(), report, details];
      await stopAll();
      const events = [...(await hubEvents), ...(await siteEvents)];
      expect(details?.properties).toContainEqual({ name: 'token', value: '…' });
      expect(details?.properties).toContainEqual({ name: 'city', value: 'bern' });
      expect(events.map(({ type }) => type)).toEqual(
        expect.arrayContaining(['listening', 'retrying', 'endpoint']),
      );
      expect(JSON.stringify(stats)).not.toContain(SECRET);
      expect(events.map(shown).join('\n')).not.toContain(SECRET);
    },
  );

  it('in the reason of a refusal stays at the hub', async () => {
    const reason = `expected the token ${SECRET}`;
    const hub = communicator('hub', { verifyEndpoint: () => reason });
    hub.addConnector('http://127.0.0.1:0', Mode.PASSIVE);
    const url = await startListening(hub);
    const site = communicator('site-1');
    site.addConnector(url, Mode.ACTIVE);
    const events = firstValueFrom(site.lifecycle$.pipe(toArray()));
    const refused = nextEvent(hub, 'refused');
    const retrying = nextEvent(site, 'retrying');
    void site.start();
    expect(await refused).toMatchObject({ reason });
    await retrying;
    await stopAll();
    expect((await events).map(({ type }) => type)).toContain('refused');
    expect((await events).map(shown).join('\n')).not.toContain(SECRET);
  });

  it.each([
    `hub.example.com:8002${QUERY}`,
    `tcp://user:${SECRET}@hub.example.com:8002`,
    `tcp://hub.example.com:x${QUERY}`,
  ])('in the bad URL %s is not in the error', (url) => {
    const thrown = vi.fn(() => parseUrl(url));
    expect(thrown).toThrow(CommError);
    const [result] = thrown.mock.results;
    expect(textsOf(result?.value).join()).not.toContain(SECRET);
  });

  it('in a key that is no PEM is not in the error', async () => {
    const site = communicator('site-1');
    const resources = { ca_cert: 'x', client_cert: 'x', client_key: `MIIE\n${SECRET}` };
    for (const scheme of ['stcp', 'https', 'grpcs']) {
      const key = {
        ca_cert: `MIIE\n${SECRET}`,
        client_cert: resources.client_cert,
        client_key: resources.client_key,
      };
      site.addConnector(`${scheme}://127.0.0.1:1`, Mode.ACTIVE, false, key);
    }
    const retrying = nextEvent(site, 'retrying');
    void site.start().catch(() => undefined);
    expect(shown(await retrying)).toContain('neither a PEM file nor its content');
    expect(shown(await retrying)).not.toContain(SECRET);
  });
});
