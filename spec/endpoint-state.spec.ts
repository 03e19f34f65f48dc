import { afterEach, describe, expect, it } from 'vitest';

import { EndpointState, Mode } from '../lib/index.js';
import { communicator, stopAll, untilState } from './support/communicators.js';

afterEach(stopAll);

describe('EndpointState', () => {
  it('of a remote endpoint is IDLE for verifyEndpoint, then READY, CLOSING, DISCONNECTED', async () => {
    const states: EndpointState[] = [];
    const hub = communicator('hub', {
      verifyEndpoint: ({ endpoint: { state } }) => states.push(state) > 0,
    });
    const site = communicator('site-1', { reconnectDelayMs: 2 ** 30, maxReconnectDelayMs: 2 ** 30 });
    hub.registerMonitor(({ state }) => states.push(state));
    hub.addConnector('inproc://states', Mode.PASSIVE);
    site.addConnector('inproc://states', Mode.ACTIVE);
    await hub.start();
    await site.start();
    await untilState(hub, 'site-1');
    expect(states).toEqual(['IDLE', 'READY']);
    await hub.stop();
    expect(states).toEqual(['IDLE', 'READY', 'CLOSING', 'DISCONNECTED']);
  });

  it('of the local endpoint is IDLE for ever', async () => {
    const hub = communicator('hub');
    const states = [hub.localEndpoint.state];
    hub.addConnector('inproc://states', Mode.PASSIVE);
    await hub.start();
    states.push(hub.localEndpoint.state);
    const stopped = hub.stop();
    states.push(hub.localEndpoint.state);
    await stopped;
    states.push(hub.localEndpoint.state);
    expect(new Set(states)).toEqual(new Set([EndpointState.IDLE]));
  });
});
