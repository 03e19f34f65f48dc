import { inject, InjectionToken, signal } from '@angular/core';
import { expectTypeOf, describe, expect, it } from 'vitest';

import {
  COMMUNICATOR,
  type CommunicatorConfig,
  injectCommunicator,
  injectEndpoint,
  injectEndpoints,
  injectLastMessage,
  injectLifecycle,
  injectMessages,
  injectReconnect,
  provideCommunicator,
} from '../../lib/angular/index.js';
import { Communicator as BrowserCommunicator } from '../../lib/browser.js';
import type { Communicator } from '../../lib/communicator.js';
import {
  CommErrorCode,
  Endpoint,
  EndpointState,
  jsonMessage,
  jsonOf,
  Mode,
  textMessage,
  textOf,
} from '../../lib/index.js';
import { VirtualNetwork } from '../../lib/testing/index.js';
import { marbles } from '../support/marbles.js';
import { testInjector } from './test-injector.js';

const APP = 40;
const NEWS = 41;
const { READY, DISCONNECTED } = EndpointState;

/** A page and a hub in virtual time, and the injector that has the page. */
function inNetwork(
  test: (
    network: VirtualNetwork,
    app: ReturnType<typeof testInjector>,
    at: (ms: number, look: () => void) => void,
  ) => void,
): void {
  marbles((scheduler) => {
    const network = new VirtualNetwork(scheduler, { endMs: 900 });
    const app = testInjector([{ provide: COMMUNICATOR, useValue: network.communicator('page') }]);
    test(network, app, (ms, look) => void scheduler.schedule(look, ms));
  });
}

describe('provideCommunicator', () => {
  const config = (url: string): CommunicatorConfig => ({ endpoint: new Endpoint('page'), urls: [url] });

  async function hubAt(url: string): Promise<Communicator> {
    const hub = new BrowserCommunicator(new Endpoint('hub'));
    hub.addConnector(url, Mode.PASSIVE);
    await hub.start();
    return hub;
  }

  it.each([
    ['by value', (url: string) => config(url)],
    ['by a factory', (url: string) => () => config(url)],
  ])('joins when it is first injected, and leaves with its injector: %s', async (how, configOf) => {
    const url = `inproc://angular-${how.replaceAll(' ', '-')}`;
    const hub = await hubAt(url);
    const states: string[] = [];
    const left = new Promise<void>((resolve) =>
      hub.registerMonitor(({ name, state }) => {
        states.push(`${name} ${state}`);
        if (state === DISCONNECTED) resolve();
      }),
    );
    const app = testInjector([provideCommunicator(configOf(url))]);
    const page = app.run(injectCommunicator);
    expect(app.run(injectCommunicator)).toBe(page);
    const endpoint = app.run(() => injectEndpoint('hub'));
    await expect.poll(() => endpoint()?.state).toBe(READY);
    app.destroy();
    await left;
    expect(states).toEqual(['page READY', 'page DISCONNECTED']);
    await page.stop();
    expect(() => page.send('hub', APP, {})).toThrow(expect.objectContaining({ code: CommErrorCode.CLOSED }));
    await hub.stop();
  });

  it('calls a factory in an injection context, and starts outside the Angular zone', async () => {
    const LOCAL = new InjectionToken<Endpoint>('who we are');
    const endpoint = new Endpoint('page');
    const app = testInjector([
      { provide: LOCAL, useValue: endpoint },
      provideCommunicator(() => ({ endpoint: inject(LOCAL), urls: ['inproc://angular-nobody'] })),
    ]);
    const page = app.run(injectCommunicator);
    expect(page.localEndpoint).toBe(endpoint);
    expect(app.leftZone()).toBe(1);
    app.destroy();
    await page.stop();
  });

  it('connects again when asked, with a new token', async () => {
    const url = 'inproc://angular-login';
    const hub = new BrowserCommunicator(new Endpoint('hub'), {
      verifyEndpoint: ({ endpoint }) => endpoint.properties.token === 'new',
    });
    hub.addConnector(url, Mode.PASSIVE);
    await hub.start();
    let connected = 0;
    hub.lifecycle$.subscribe(({ type }) => (connected += Number(type === 'connected')));
    let token = 'old';
    const options = { afterRefusal: 'stop', properties: () => ({ token }) } as const;
    const app = testInjector([provideCommunicator({ ...config(url), options })]);
    const reconnect = app.run(injectReconnect);
    const state = app.run(() => injectEndpoint('hub'));
    const events = app.run(() => injectLifecycle());
    await expect.poll(() => events().map(({ type }) => type)).toContain('disconnected');
    expect(state()?.state).not.toBe(READY);

    token = 'new';
    reconnect();
    reconnect();
    await expect.poll(() => state()?.state).toBe(READY);
    expect(connected).toBe(2);
    expect(app.leftZone()).toBe(3);
    app.destroy();
    reconnect();
    await hub.stop();
  });

  it('throws for a URL that cannot be where it is injected', () => {
    const app = testInjector([provideCommunicator(config('nothing'))]);
    const badConfig = expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error;
    expect(() => app.run(injectCommunicator)).toThrow(badConfig);
  });

  it('does nothing on a server', async () => {
    const app = testInjector(
      [
        provideCommunicator(() => {
          throw new Error('a factory for pages');
        }),
      ],
      'server',
    );
    const page = app.run(injectCommunicator);
    expect(app.run(injectEndpoints)().size).toBe(0);
    expect(app.run(() => injectLastMessage(APP))()).toBeUndefined();
    expect(page.stats()).toMatchObject({ endpoints: [], connections: [] });
    expect(() => page.send('hub', APP, {})).toThrow(expect.objectContaining({ code: CommErrorCode.CLOSED }));
    await page.stop();
  });

  it('is asked for by name where it is not provided', () => {
    expect(() => testInjector([]).run(injectCommunicator)).toThrow('provideCommunicator');
  });
});

describe('the endpoints as signals', () => {
  it('change with each state', () => {
    const seen: unknown[] = [];
    inNetwork((network, app, at) => {
      const endpoints = app.run(injectEndpoints);
      const hub = app.run(() => injectEndpoint('hub'));
      const look = () => seen.push([endpoints().get('hub')?.state, hub()?.state]);
      network.join('page', 'hub', '-j---l');
      for (const ms of [0, 3, 8]) at(ms, look);
    });
    expect(seen).toEqual([
      [undefined, undefined],
      [READY, READY],
      [DISCONNECTED, DISCONNECTED],
    ]);
  });

  it('follow a name that is a signal', () => {
    const seen: unknown[] = [];
    inNetwork((network, app, at) => {
      const name = signal<string | undefined>(undefined);
      const endpoint = app.run(() => injectEndpoint(name));
      network.join('page', 'hub', '-j');
      for (const [index, next] of [undefined, 'nobody', 'hub'].entries())
        at(3 + index, () => {
          name.set(next);
          seen.push(endpoint()?.name);
        });
    });
    expect(seen).toEqual([undefined, undefined, 'hub']);
  });
});

describe('the messages as signals', () => {
  it('are the last one, and the last few', () => {
    const seen: unknown[] = [];
    inNetwork((network, app, at) => {
      const last = app.run(() => injectLastMessage(APP));
      const few = app.run(() => injectMessages(APP, { max: 2, read: ({ message }) => textOf(message) }));
      const all = app.run(() => injectMessages(APP));
      network.join('page', 'hub', '-j');
      network.send('hub', 'page', APP, '---abc');
      at(2, () => seen.push([last(), few(), all()]));
      at(9, () => seen.push([last() && textOf(last()?.message ?? {}), few(), all().length]));
    });
    expect(seen).toEqual([
      [undefined, [], []],
      ['c', ['b', 'c'], 3],
    ]);
  });

  it('are at most 100', () => {
    let messages: readonly string[] = [];
    inNetwork((_, app, at) => {
      const texts = app.run(() => injectMessages(APP, { read: ({ message }) => textOf(message) }));
      const page = app.run(injectCommunicator);
      at(1, () =>
        Array.from({ length: 150 }, (_, index) => page.send('page', APP, textMessage(String(index)))),
      );
      at(2, () => (messages = texts()));
    });
    expect(messages).toHaveLength(100);
    expect(messages.at(-1)).toBe('149');
  });

  it('are read, and what cannot be read goes to the ErrorHandler', () => {
    const seen: unknown[] = [];
    let errors: readonly unknown[] = [];
    inNetwork((network, app, at) => {
      const counts = app.run(() =>
        injectMessages(NEWS, { read: ({ message }) => jsonOf(message, numberOf) }),
      );
      const lastCount = app.run(() => injectLastMessage(NEWS, ({ message }) => jsonOf(message, numberOf)));
      expectTypeOf(counts()).toEqualTypeOf<readonly number[]>();
      expectTypeOf(lastCount()).toEqualTypeOf<number | undefined>();
      network.join('page', 'hub', '-j');
      const values = { a: jsonMessage(1), b: textMessage('{'), c: jsonMessage(3) };
      network.send('hub', 'page', NEWS, '---abc', values);
      at(9, () => {
        seen.push(counts(), lastCount());
        errors = app.errors;
      });
    });
    expect(seen).toEqual([[1, 3], 3]);
    expect(errors).toEqual(
      [1, 2].map(() => expect.objectContaining({ code: CommErrorCode.BAD_DATA }) as Error),
    );
  });

  it('end with their injector', () => {
    let texts: readonly string[] = [];
    inNetwork((network, app, at) => {
      const signal = app.run(() => injectMessages(APP, { read: ({ message }) => textOf(message) }));
      network.join('page', 'hub', '-j');
      network.send('hub', 'page', APP, '---ab');
      at(3.5, () => app.destroy());
      at(9, () => (texts = signal()));
    });
    expect(texts).toEqual(['a']);
  });

  it.each([0, -1, 1.5, NaN])('refuse %d as their number', (max) => {
    const app = testInjector([
      { provide: COMMUNICATOR, useValue: new BrowserCommunicator(new Endpoint('page')) },
    ]);
    const badConfig = expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error;
    expect(() => app.run(() => injectMessages(APP, { max }))).toThrow(badConfig);
    expect(() => app.run(() => injectLifecycle(max))).toThrow(badConfig);
  });
});

describe('the lifecycle as a signal', () => {
  it('has the last events, oldest first', () => {
    const seen: unknown[] = [];
    inNetwork((network, app, at) => {
      const events = app.run(() => injectLifecycle(2));
      network.join('page', 'hub', '-j');
      at(0, () => seen.push(events()));
      at(9, () => seen.push(events().map(({ type }) => type)));
    });
    expect(seen).toEqual([[], ['connected', 'endpoint']]);
  });
});

function numberOf(value: unknown): number {
  if (typeof value === 'number') return value;
  throw new TypeError('expected a number');
}
