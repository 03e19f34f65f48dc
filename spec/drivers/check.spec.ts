import { createServer } from 'node:http';

import { afterEach, describe, expect, it } from 'vitest';

import { NativeWebSocketDriver } from '../../lib/drivers/websocket/native-websocket-driver.js';
import { WebSocketDriver } from '../../lib/drivers/websocket/websocket-driver.js';
import { CommErrorCode, Mode } from '../../lib/index.js';
import { parseUrl } from '../../lib/transport/url.js';
import { communicator, stopAll } from '../support/communicators.js';

/** By driver: TCP, gRPC, WebSocket. */
const REFUSED: readonly (readonly [string, Mode])[] = [
  ...['tcp', 'stcp', 'grpc', 'grpcs'].flatMap((scheme) => [
    [`${scheme}://127.0.0.1`, Mode.ACTIVE] as const,
    [`${scheme}://127.0.0.1:0`, Mode.ACTIVE] as const,
    [`${scheme}://127.0.0.1`, Mode.PASSIVE] as const,
  ]),
  ['http://127.0.0.1:0', Mode.ACTIVE],
  ['http://127.0.0.1', Mode.PASSIVE],
];

const TAKEN: readonly (readonly [string, Mode])[] = [
  ...['tcp', 'grpc', 'http'].flatMap((scheme) => [
    [`${scheme}://127.0.0.1:1`, Mode.ACTIVE] as const,
    [`${scheme}://127.0.0.1:65535`, Mode.ACTIVE] as const,
    [`${scheme}://127.0.0.1:0`, Mode.PASSIVE] as const,
  ]),
  // Ports 80 and 443, as everywhere in the web.
  ['http://127.0.0.1', Mode.ACTIVE],
  ['https://127.0.0.1', Mode.ACTIVE],
];

afterEach(stopAll);

describe('addConnector', () => {
  it.each(REFUSED)('refuses %s, %s, at once', (url, mode) => {
    const one = communicator('one');
    expect(() => one.addConnector(url, mode)).toThrow(
      expect.objectContaining({
        code: CommErrorCode.BAD_CONFIG,
        message: expect.stringContaining(`${url}: expected a port`) as string,
      }) as Error,
    );
  });

  it.each(TAKEN)('takes %s, %s', (url, mode) => {
    expect(communicator('one').addConnector(url, mode)).toMatch(/^CH/);
  });

  it.each([
    ['headers that are no map', { headers: 'x' }],
    ['an agent that is none', { agent: {} }],
  ])('refuses %s for a WebSocket', (_, resources) => {
    const add = () => communicator('one').addConnector('http://127.0.0.1:1', Mode.ACTIVE, false, resources);
    expect(add).toThrow(expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error);
  });
});

describe('a WebSocket driver', () => {
  it('needs no port of its own where it listens on a server that it was given', () => {
    const driver = new WebSocketDriver({ server: createServer() });
    const add = () =>
      communicator('one').addConnectorAdvanced(driver, Mode.PASSIVE, parseUrl('http://0'), false);
    expect(add()).toMatch(/^CH/);
  });

  it('of a browser refuses a port of 0', () => {
    const add = () =>
      communicator('one').addConnectorAdvanced(
        new NativeWebSocketDriver(),
        Mode.ACTIVE,
        parseUrl('http://hub:0'),
        false,
      );
    expect(add).toThrow(expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error);
  });
});
