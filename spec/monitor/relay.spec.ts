import { filter, firstValueFrom, lastValueFrom, skip } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import {
  CommErrorCode,
  type Communicator,
  DEFAULTS,
  Endpoint,
  EndpointState,
  Mode,
  textMessage,
  textOf,
} from '../../lib/index.js';
import {
  disconnectThrough,
  EVERYONE,
  MonitorAppIds,
  relayedMessages,
  sendThrough,
  serveRelay,
  WATCHER_PROPERTIES,
} from '../../lib/monitor/index.js';
import { communicator, startListening, stopAll, untilState } from '../support/communicators.js';

afterEach(stopAll);

const APP = 5;

/** A hub that relays for the page, and a site. */
async function relayed() {
  const [hub, page, site] = [communicator('hub'), communicator('page'), communicator('site-1')];
  const service = serveRelay(hub, { apps: [APP], allow: ({ name }) => name === 'page' });
  hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
  const url = await startListening(hub);
  for (const each of [page, site]) {
    each.addConnector(url, Mode.ACTIVE);
    await each.start();
    await untilState(each, 'hub');
  }
  return { hub, page, site, service };
}

/** A page that watches and reads nothing. */
function stalled(hub: Communicator, page: Communicator, site: Communicator) {
  const { handle } = page.stats().connections[0] ?? { handle: '' };
  page.findConnector(handle)?.connections$.subscribe((connection) => connection.pause());
  return {
    queued: () => hub.stats().endpoints.find(({ name }) => name === 'page')?.queued.bytes ?? 0,
    watch: (times: number) => {
      const asked = firstValueFrom(hub.messages(MonitorAppIds.RELAY).pipe(skip(times - 1)));
      for (let n = 0; n < times; n += 1) relayedMessages(page, 'hub', { timeoutMs: 60_000 }).subscribe();
      return asked;
    },
    sendThrice: () => {
      const heard = firstValueFrom(hub.messages(APP).pipe(skip(2)));
      for (let n = 0; n < 3; n += 1) site.send('hub', APP, { payload: new Uint8Array(9_000_000) });
      return heard;
    },
  };
}

/** The answer to a later request shows that the hub has heard what was asked before. */
async function heard(page: Communicator): Promise<void> {
  await expect(firstValueFrom(sendThrough(page, 'hub', 'nobody', APP, {}))).rejects.toThrow('nobody');
}

describe('a relay', () => {
  it('sends to all endpoints but those that only watch, and says to how many', async () => {
    const [hub, page, site, other] = [
      communicator('hub'),
      communicator(new Endpoint('page', WATCHER_PROPERTIES)),
      communicator('site-1'),
      communicator('site-2'),
    ];
    serveRelay(hub, { apps: [APP], allow: ({ name }) => name === 'page' });
    hub.addConnector('inproc://relay-all', Mode.PASSIVE);
    await hub.start();
    for (const each of [page, site, other]) {
      each.addConnector('inproc://relay-all', Mode.ACTIVE);
      await each.start();
      await untilState(each, 'hub');
    }
    const heard = Promise.all([site, other].map((each) => firstValueFrom(each.messages(APP))));
    let isDisturbed = false;
    page.messages(APP).subscribe(() => (isDisturbed = true));
    expect(await firstValueFrom(sendThrough(page, 'hub', EVERYONE, APP, textMessage('all')))).toBe(2);
    expect((await heard).map(({ message }) => textOf(message))).toEqual(['all', 'all']);
    expect(isDisturbed).toBe(false);
    await expect(firstValueFrom(sendThrough(page, 'hub', EVERYONE, 6, {}))).rejects.toThrow('not relayed');
  });

  it('disconnects an endpoint where it may, and for whom it may', async () => {
    const { hub, page, site } = await relayed();
    await expect(lastValueFrom(disconnectThrough(page, 'hub', 'site-1'))).rejects.toMatchObject({
      code: CommErrorCode.BAD_CONFIG,
    });
    serveRelay(hub, { apps: [APP], allow: ({ name }) => name === 'page', disconnect: true, appId: 700 });
    const options = { appId: 700 };
    await expect(lastValueFrom(disconnectThrough(site, 'hub', 'page', options))).rejects.toMatchObject({
      code: CommErrorCode.REFUSED,
    });
    const gone = untilState(site, 'hub', EndpointState.DISCONNECTED);
    await lastValueFrom(disconnectThrough(page, 'hub', 'site-1', options), { defaultValue: undefined });
    await gone;
  });

  it('sends to an endpoint in the name of the hub, and shows what comes back', async () => {
    const { page, site } = await relayed();
    site.registerMessageReceiver(APP, ({ endpoint, message }) => {
      site.send(
        endpoint,
        APP,
        textMessage(`${textOf(message)}, ${endpoint.name}`, { round: message.headers?.round }),
      );
    });
    const answer = firstValueFrom(relayedMessages(page, 'hub'));
    await firstValueFrom(sendThrough(page, 'hub', 'site-1', APP, textMessage('hello', { round: 7 })));
    const { from, appId, message, missed } = await answer;
    expect([from, appId, missed, message.headers]).toEqual(['site-1', APP, 0, { round: 7 }]);
    expect(textOf(message)).toBe('hello, hub');
  });

  it('says why it does not send: the endpoint, the app ID, or us', async () => {
    const { page, site } = await relayed();
    const send = (from: typeof page, to: string, app: number) =>
      firstValueFrom(sendThrough(from, 'hub', to, app, {}));
    await expect(send(page, 'site-9', APP)).rejects.toMatchObject({
      code: CommErrorCode.CLOSED,
      message: 'hub: endpoint site-9 is not connected',
    });
    await expect(send(page, 'site-1', 6)).rejects.toMatchObject({
      code: CommErrorCode.BAD_CONFIG,
      message: 'hub: app ID 6 is not relayed, only 5',
    });
    await expect(send(site, 'page', APP)).rejects.toMatchObject({ code: CommErrorCode.REFUSED });
    await expect(firstValueFrom(relayedMessages(site, 'hub'))).rejects.toMatchObject({
      code: CommErrorCode.REFUSED,
    });
  });

  it('counts what a watcher has no room for, and neither keeps it nor stops', async () => {
    const { hub, page, site } = await relayed();
    const loss = firstValueFrom(relayedMessages(page, 'hub').pipe(filter(({ missed }) => missed > 0)));
    await heard(page);
    const pageConnection = page.findConnector(page.stats().connections[0]?.handle ?? '')?.connections$;
    pageConnection?.subscribe((connection) => connection.pause());
    const arrived = firstValueFrom(hub.messages(APP).pipe(skip(99)));
    await site.sendAll(
      'hub',
      APP,
      Array.from({ length: 100 }, () => ({ payload: new Uint8Array(500_000) })),
    );
    await arrived;
    const queued = hub.stats().endpoints.find(({ name }) => name === 'page')?.queued;
    expect(queued?.messages).toBeGreaterThan(0);
    expect(queued?.bytes).toBeLessThan(DEFAULTS.highWaterMarkBytes + 510_000);
    pageConnection?.subscribe((connection) => connection.resume());
    await firstValueFrom(hub.drained('page'));
    site.send('hub', APP, {});
    expect((await loss).missed).toBeGreaterThan(0);
  });

  it('adds nothing to a queue that is full already', async () => {
    const { hub, page, site } = await relayed();
    const { queued, watch, sendThrice } = stalled(hub, page, site);
    await watch(1);
    await sendThrice();
    const before = queued();
    expect(before).toBeGreaterThan(DEFAULTS.highWaterMarkBytes);
    expect(before).toBeLessThan(DEFAULTS.highWaterMarkBytes + 9_010_000);
    await watch(1);
    await sendThrice();
    expect(queued() - before).toBeLessThan(1_000); // The answer to the second request.
  });

  it('keeps to the limit of a queue, however many watches of one endpoint there are', async () => {
    const { hub, page, site } = await relayed();
    const { queued, watch, sendThrice } = stalled(hub, page, site);
    await watch(20);
    await sendThrice();
    expect(queued()).toBeGreaterThan(9_000_000);
    expect(queued()).toBeLessThan(DEFAULTS.maxQueuedBytes);
  });

  it('tells the hub when nobody watches any more', async () => {
    const { hub, page, site } = await relayed();
    const watching = relayedMessages(page, 'hub').subscribe();
    await heard(page);
    watching.unsubscribe();
    await heard(page);
    const sent = () => hub.stats().endpoints.find(({ name }) => name === 'page')?.sent.messages;
    const before = sent();
    const arrived = firstValueFrom(hub.messages(APP).pipe(skip(2)));
    for (let n = 0; n < 3; n += 1) site.send('hub', APP, {});
    await arrived;
    expect(sent()).toBe(before);
  });

  it('tells its watchers when it ends, and serves them again when it begins anew', async () => {
    const { hub, page, site, service } = await relayed();
    const texts: string[] = [];
    const watch = new Promise<void>((resolve) => {
      relayedMessages(page, 'hub').subscribe({
        next: ({ message }) => texts.push(textOf(message)),
        complete: resolve,
      });
    });
    await heard(page);
    site.send('hub', APP, textMessage('before'));
    await expect.poll(() => texts).toEqual(['before']);
    service.unsubscribe();
    await watch;
    serveRelay(hub, { apps: [APP], allow: () => true });
    const again = firstValueFrom(relayedMessages(page, 'hub'));
    await heard(page);
    site.send('hub', APP, textMessage('after'));
    expect(textOf((await again).message)).toBe('after');
    expect(texts).toEqual(['before']);
  });

  it('says what to do where nothing is relayed', async () => {
    const { page, service } = await relayed();
    service.unsubscribe();
    await expect(firstValueFrom(relayedMessages(page, 'hub', { timeoutMs: 50 }))).rejects.toMatchObject({
      code: CommErrorCode.TIMEOUT,
      message: expect.stringContaining('serveRelay') as unknown,
    });
  });
});
