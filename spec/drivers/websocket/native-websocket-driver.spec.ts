import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';

import { firstValueFrom } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket as WsWebSocket, WebSocketServer } from 'ws';

import { InboxFullError } from '../../../lib/drivers/websocket/frame-inbox.js';
import { NativeWebSocketDriver } from '../../../lib/drivers/websocket/native-websocket-driver.js';
import { WebSocketDriver } from '../../../lib/drivers/websocket/websocket-driver.js';
import { CommError, CommErrorCode, type Connection, ConnectionSecurity } from '../../../lib/index.js';
import type { DriverParams } from '../../../lib/transport/driver.js';
import { parseUrl } from '../../../lib/transport/url.js';
import { frameOf } from '../../contract/pair.js';
import { testCertificates } from '../../support/certificates.js';
import { freePort } from '../../support/free-port.js';
import { endOf, listening } from './listening.js';

const Class = WsWebSocket as unknown as typeof WebSocket;
const driver = new NativeWebSocketDriver({ WebSocket: Class, maxPausedBytes: 1_000 });

let server: WebSocketServer;
let params: DriverParams;

beforeEach(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  params = parseUrl(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

afterEach(() => {
  for (const ws of server.clients) ws.terminate();
  server.close();
});

describe('NativeWebSocketDriver', () => {
  it('tells the addresses that a page can know', async () => {
    const { connection, ws } = await connect();
    expect(connection.properties).toEqual({ local_addr: 'N/A', peer_addr: `127.0.0.1:${params.port ?? 0}` });
    ws.close();
    expect(await endOf(connection)).toBe('complete');
  });

  it('says under TLS that the certificate cannot be seen', async () => {
    const { ca, hub } = await testCertificates();
    class TrustingWebSocket extends WsWebSocket {
      constructor(url: string) {
        super(url, { ca: readFileSync(ca) });
      }
    }
    const secure = new NativeWebSocketDriver({ WebSocket: TrustingWebSocket as unknown as typeof WebSocket });
    const serverPair = { server_cert: hub.cert, server_key: hub.key };
    const serverParams = {
      ...parseUrl('https://127.0.0.1:0'),
      ...serverPair,
      connection_security: ConnectionSecurity.TLS,
    };
    using listener = await listening(new WebSocketDriver(), serverParams);
    const connection = await firstValueFrom(secure.connect(parseUrl(listener.url)));
    expect(connection.properties).toMatchObject({ peer_cert_hidden: true });
    await endOf(await listener.next());
  });

  it('ends a paused connection that must keep too much, and says why to both sides', async () => {
    const { connection, ws } = await connect();
    const ended = endOf(connection);
    const closed = once(ws, 'close');
    connection.pause();
    ws.send(frameOf(1, 900));
    ws.send(frameOf(2, 900));
    expect(await ended).toBeInstanceOf(InboxFullError);
    expect((await closed)[0]).toBe(4013);
  });

  it('keeps what comes before it is read', async () => {
    const { connection, ws } = await connect();
    ws.send(frameOf(1, 5));
    const second = once(ws, 'pong');
    ws.ping();
    await second;
    expect(Buffer.compare(await firstValueFrom(connection.frames$), frameOf(1, 5))).toBe(0);
    ws.close();
    await endOf(connection);
  });

  it.each([
    ['text', (ws: WsWebSocket) => ws.send('hello'), 4003],
    ['half a frame', (ws: WsWebSocket) => ws.send(frameOf(1, 100).subarray(0, 60)), 4002],
    ['a frame over the limit', (ws: WsWebSocket) => ws.send(frameOf(1, 100_000)), 4009],
  ])('refuses %s with BAD_DATA', async (_, send, closeCode) => {
    const { connection, ws } = await connect();
    const ended = endOf(connection);
    const closed = once(ws, 'close');
    send(ws);
    expect(await ended).toMatchObject({ code: CommErrorCode.BAD_DATA });
    expect((await closed)[0]).toBe(closeCode);
  });

  it('tells a lost peer from a clean end', async () => {
    const { connection, ws } = await connect();
    const ended = endOf(connection);
    ws.terminate();
    expect(await ended).toMatchObject({ code: CommErrorCode.CLOSED });
  });

  it('counts what was accepted and not sent when the end came', async () => {
    const { connection, ws } = await connect();
    const ended = endOf(connection);
    for (let number = 0; number < 40; number += 1)
      connection.send(frameOf(number, 1_000_000).subarray(0, 16), new Uint8Array(1_000_000));
    void connection.close(new CommError(CommErrorCode.ERROR, 'enough'));
    await ended;
    expect(connection.bufferedFrames).toBeGreaterThan(0);
    expect(connection.bufferedFrames).toBeLessThanOrEqual(40);
    ws.terminate();
  });

  it('has NOT_READY for a hub that is not there', async () => {
    const nowhere = parseUrl(`http://127.0.0.1:${await freePort()}`);
    await expect(firstValueFrom(driver.connect(nowhere))).rejects.toMatchObject({
      code: CommErrorCode.NOT_READY,
    });
  });

  it('has BAD_CONFIG for what the class refuses', async () => {
    function Refusing(): never {
      throw new TypeError('a page from https may not connect in the clear');
    }
    const refused = new NativeWebSocketDriver({ WebSocket: Refusing as unknown as typeof WebSocket });
    await expect(firstValueFrom(refused.connect(params))).rejects.toMatchObject({
      code: CommErrorCode.BAD_CONFIG,
    });
  });
});

/** A connection and what it is connected to. */
async function connect(): Promise<{ connection: Connection; ws: WsWebSocket }> {
  const accepted = once(server, 'connection');
  const connection = await new Promise<Connection>((resolve, reject) => {
    driver.connect(params).subscribe({ next: resolve, error: reject });
  });
  const [ws] = (await accepted) as [WsWebSocket];
  return { connection, ws: ws.on('error', () => undefined) };
}
