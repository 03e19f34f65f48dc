import { firstValueFrom, map, take, toArray } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import {
  type Communicator,
  CommErrorCode,
  Endpoint,
  EndpointState,
  type LifecycleEvent,
  Mode,
  textMessage,
  textOf,
} from '../lib/index.js';
import { VirtualNetwork } from '../lib/testing/index.js';
import { communicator, nextEvent, stopAll, untilState } from './support/communicators.js';
import { marbles, stateOf, STATES } from './support/marbles.js';

afterEach(stopAll);

/** The end may have come already: in-process connections close at once. */
const noMore = expect.objectContaining({
  code: expect.stringMatching(/^(NOT_READY|CLOSED)$/) as CommErrorCode,
}) as Error;
const badConfig = expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error;

let pairs = 0;

/** A hub and a site that know each other. `prepare` meets the hub before the site comes. */
async function connect(prepare: (hub: Communicator) => void = () => undefined) {
  const url = `inproc://communicator-endpoints-${(pairs += 1)}`;
  const [hub, site] = [communicator('hub'), communicator('site-1')];
  const events: LifecycleEvent[] = [];
  hub.lifecycle$.subscribe((event) => events.push(event));
  prepare(hub);
  hub.addConnector(url, Mode.PASSIVE);
  site.addConnector(url, Mode.ACTIVE);
  await Promise.all([hub.start(), site.start()]);
  await Promise.all([untilState(hub, 'site-1'), untilState(site, 'hub')]);
  return { hub, site, events };
}

/** The next states of an endpoint, `undefined` when it is forgotten. */
function nextStates({ endpoints$ }: Communicator, name: string, count: number): Promise<unknown[]> {
  return firstValueFrom(
    endpoints$.pipe(
      map((endpoints) => endpoints.get(name)?.state),
      take(count),
      toArray(),
    ),
  );
}

describe('a local endpoint whose properties cannot be sent', () => {
  it.each([
    ['too large', { large: 'x'.repeat(70_000) }],
    ['too large an integer', { n: 2n ** 64n }],
    ['a Date', { date: new Date(0) as never }],
  ])('is refused as BAD_CONFIG before anything begins: %s', (_, properties) => {
    expect(() => communicator(new Endpoint('site-1', properties))).toThrow(badConfig);
    expect(() => communicator(new Endpoint('site-1', properties))).toThrow('endpoint site-1 cannot be sent');
  });
});

describe('a monitor that returns a promise which rejects', () => {
  it('is reported with its error as the cause, and hears of the next change', async () => {
    const boom = new Error('boom');
    const heard: string[] = [];
    const { site, hub, events } = await connect((each) => {
      each.registerMonitor(({ state }) => {
        heard.push(state);
        return Promise.reject(boom);
      });
    });
    const reported = nextEvent(hub, 'callback-error');
    await site.stop();
    await untilState(hub, 'site-1', EndpointState.DISCONNECTED);
    await reported;
    expect(heard).toEqual([EndpointState.READY, EndpointState.DISCONNECTED]);
    const report = { type: 'callback-error', callback: 'monitor', error: { cause: boom } };
    expect(events.filter(({ type }) => type === 'callback-error')).toMatchObject([report, report]);
    expect(events.find(({ type }) => type === 'callback-error')).toMatchObject({
      error: { message: 'a monitor failed on site-1: boom' },
    });
  });

  it('may be an object, and one that fulfils is not reported', async () => {
    const heard: string[] = [];
    const monitor = {
      heard,
      stateChange({ state }: Endpoint): Promise<void> {
        this.heard.push(state);
        return Promise.resolve();
      },
    };
    const { site, hub, events } = await connect((each) => each.registerMonitor(monitor));
    await site.stop();
    await untilState(hub, 'site-1', EndpointState.DISCONNECTED);
    expect(heard).toEqual([EndpointState.READY, EndpointState.DISCONNECTED]);
    expect(events.some(({ type }) => type === 'callback-error')).toBe(false);
  });
});

describe('a monitor that stops the communicator', () => {
  it('hears of the end that it caused, before the streams complete', async () => {
    const [hub, site] = [communicator('hub'), communicator('site-1')];
    hub.registerMonitor(({ state }) => {
      if (state === EndpointState.READY) void hub.stop();
    });
    const state$ = hub.endpoint('site-1').pipe(map((endpoint) => endpoint?.state));
    const states = firstValueFrom(state$.pipe(toArray()));
    hub.addConnector('inproc://stopped-by-monitor', Mode.PASSIVE);
    site.addConnector('inproc://stopped-by-monitor', Mode.ACTIVE);
    await Promise.all([hub.start(), site.start()]);
    const { READY, CLOSING, DISCONNECTED } = EndpointState;
    expect(await states).toEqual([undefined, READY, CLOSING, DISCONNECTED]);
  });
});

describe('drained', () => {
  it('of an endpoint that has gone errors with CLOSED', async () => {
    const { hub, site } = await connect();
    await site.stop();
    await untilState(hub, 'site-1', EndpointState.DISCONNECTED);
    await expect(firstValueFrom(hub.drained('site-1'))).rejects.toMatchObject({ code: CommErrorCode.CLOSED });
  });

  it('of an endpoint that takes messages emits at once, and completes', async () => {
    const { hub } = await connect();
    await expect(firstValueFrom(hub.drained('site-1').pipe(toArray()))).resolves.toEqual([undefined]);
  });
});

describe('removeEndpoint', () => {
  it('delivers what send accepted, tells CLOSING and DISCONNECTED, and forgets', async () => {
    const { hub, site, events } = await connect();
    const received = firstValueFrom(site.messages(1).pipe(take(1_000), toArray()));
    const states = nextStates(hub, 'site-1', 4);
    for (let count = 0; count < 1_000; count += 1) hub.send('site-1', 1, textMessage(String(count)));
    hub.removeEndpoint('site-1');
    expect(() => hub.send('site-1', 1, textMessage('late'))).toThrow(noMore);
    expect((await received).map(({ message }) => textOf(message))).toEqual(
      Array.from({ length: 1_000 }, (_, index) => String(index)),
    );
    expect(await states).toEqual([
      EndpointState.READY,
      EndpointState.CLOSING,
      EndpointState.DISCONNECTED,
      undefined,
    ]);
    expect(events.filter(({ type }) => type === 'dropped')).toEqual([]);
  });

  it('forgets an endpoint that has gone, and does nothing about one that was never seen', async () => {
    const { hub, site } = await connect();
    await site.stop();
    await untilState(hub, 'site-1', EndpointState.DISCONNECTED);
    hub.removeEndpoint('site-9');
    hub.removeEndpoint('site-1');
    expect(hub.findEndpoint('site-1')).toBeUndefined();
    const endpoints = await firstValueFrom(hub.endpoints$);
    expect(endpoints.size).toBe(0);
  });

  it('lets an endpoint come back whose connector is active', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      const hub = network.communicator('hub');
      network.join('site-1', 'hub', '-j');
      scheduler.createHotObservable('---r').subscribe(() => hub.removeEndpoint('site-1'));
      expectObservable(stateOf(hub, 'site-1')).toBe('ar-(cda) 995ms r', STATES);
    });
  });
});
