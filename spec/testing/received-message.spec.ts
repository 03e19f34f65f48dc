import { describe, expect, it } from 'vitest';

import { AppIds, textMessage, textOf } from '../../lib/message.js';
import { receivedMessage, testEndpoint } from '../../lib/testing/index.js';

describe('receivedMessage', () => {
  it('is a message of a READY endpoint for the default app ID', () => {
    const { endpoint, appId, message } = receivedMessage();
    expect(endpoint).toMatchObject({ name: 'site-1', state: 'READY' });
    expect(appId).toBe(AppIds.DEFAULT);
    expect(message).toEqual({ headers: undefined, payload: undefined });
  });

  it('has the sender, app ID, headers and payload that it is given', () => {
    const from = testEndpoint('site-2', { properties: { gpus: 4 } });
    const headers = { round: 3 };
    const received = receivedMessage({ from, appId: 9, headers, payload: 'weights' });
    expect(received.endpoint).toBe(from);
    expect(received.appId).toBe(9);
    expect(received.message).toEqual(textMessage('weights', headers));
    expect(textOf(receivedMessage({ payload: Uint8Array.of(104, 105) }).message)).toBe('hi');
  });

  it('shows an empty payload as none, as the wire does', () => {
    expect(receivedMessage({ payload: '' }).message.payload).toBeUndefined();
    expect(receivedMessage({ payload: new Uint8Array(0) }).message.payload).toBeUndefined();
  });

  it('comes on an open connection, from the address of its sender', () => {
    const { connection } = receivedMessage({ from: 'site-2' });
    expect(connection.isOpen).toBe(true);
    expect(connection.properties.peer_addr).toBe('site-2');
    connection.pause();
    expect(connection.isPaused).toBe(true);
  });
});
