import { config, filter, map, type Observable, take } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { Communicator, Endpoint, Mode, textMessage, textOf } from '../lib/index.js';
import { nextEvent, stopAll, communicator as tracked, untilState } from './support/communicators.js';

const APP = 100;
const boom = new Error('boom');

afterEach(async () => {
  await stopAll();
  config.onUnhandledError = null;
});

/** A hub and a site that are connected once `join` is called. */
function federation(): { hub: Communicator; site: Communicator; join: () => Promise<void> } {
  const [hub, site] = [tracked('hub'), tracked(new Endpoint('site-1'))];
  const join = async () => {
    hub.addConnector('inproc://throwing', Mode.PASSIVE);
    site.addConnector('inproc://throwing', Mode.ACTIVE);
    await hub.start();
    await site.start();
    await untilState(site, 'hub');
  };
  return { hub, site, join };
}

/** What RxJS reports with a timer: without a handler it throws there, which ends a Node process. */
function uncaught(): Promise<unknown> {
  return new Promise((resolve) => {
    config.onUnhandledError = resolve;
  });
}

function fail(): never {
  throw boom;
}

describe('what a subscriber throws', () => {
  it.each<[string, (hub: Communicator) => Observable<unknown>]>([
    ['messages', (hub) => hub.messages(APP)],
    ['endpoints$', (hub) => hub.endpoints$.pipe(filter(({ size }) => size > 0))],
    ['lifecycle$', (hub) => hub.lifecycle$],
  ])('is an uncaught error when the stream is %s', async (_name, streamOf) => {
    const { hub, site, join } = federation();
    const reported = uncaught();
    streamOf(hub).pipe(take(1)).subscribe(fail);
    await join();
    site.send('hub', APP, textMessage('{'));
    expect(await reported).toBe(boom);
  });

  it('is one too when an operator throws and nobody takes the error', async () => {
    const { hub, site, join } = federation();
    const reported = uncaught();
    hub
      .messages(APP)
      .pipe(map(({ message }) => JSON.parse(textOf(message)) as unknown))
      .subscribe();
    await join();
    site.send('hub', APP, textMessage('{'));
    expect(await reported).toBeInstanceOf(SyntaxError);
  });
});

describe('what a callback throws', () => {
  it('is a callback-error of a receiver, which goes on', async () => {
    const { hub, site, join } = federation();
    let crashed = false;
    config.onUnhandledError = () => (crashed = true);
    const heard: unknown[] = [];
    hub.registerMessageReceiver(APP, ({ message }) => heard.push(JSON.parse(textOf(message))));
    await join();
    const reported = nextEvent(hub, 'callback-error');
    const second = nextEvent(hub, 'dropped');
    for (const text of ['{', '{"n":1}']) site.send('hub', APP, textMessage(text));
    site.send('hub', APP + 1, textMessage('the last'));
    expect(await reported).toMatchObject({ callback: 'receiver', error: { cause: { name: 'SyntaxError' } } });
    await second;
    expect(heard).toEqual([{ n: 1 }]);
    expect(crashed).toBe(false);
  });

  it('is a callback-error of a monitor', async () => {
    const { hub, join } = federation();
    const reported = nextEvent(hub, 'callback-error');
    hub.registerMonitor(fail);
    await join();
    expect(await reported).toMatchObject({ callback: 'monitor', error: { cause: boom } });
  });
});
