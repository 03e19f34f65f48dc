import { once } from 'node:events';

import { firstValueFrom, take, toArray } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';

import { WebSocketDriver } from '../../../lib/drivers/websocket/websocket-driver.js';
import { CommErrorCode, type Connection } from '../../../lib/index.js';
import { parseUrl } from '../../../lib/transport/url.js';
import { HANDSHAKE_FRAME_BYTES } from '../../../lib/transport/base-connection.js';
import { encodedHead, frameOf } from '../../contract/pair.js';
import { testCertificates } from '../../support/certificates.js';
import { endOf, type Listening, listening } from './listening.js';
import { answerTo, open, upgradeRequest } from './raw-client.js';

const MIB = 1024 ** 2;
const driver = new WebSocketDriver();
let listener: Listening;

beforeEach(async () => {
  listener = await listening(driver, parseUrl('http://127.0.0.1:0'));
});

afterEach(() => listener[Symbol.dispose]());

describe('a WebSocket listener', () => {
  it.each([
    ['GET /f3', 'GET /f3 HTTP/1.1\r\nHost: x\r\n\r\n', /^HTTP\/1.1 426 Upgrade Required\r\n/],
    ['GET /', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', /^HTTP\/1.1 426 Upgrade Required\r\n/],
    ['GET elsewhere', 'GET /x HTTP/1.1\r\nHost: x\r\n\r\n', /^HTTP\/1.1 404 Not Found\r\n/],
    ['bytes that are no HTTP', '\x16\x03\x01 hello\r\n\r\n', /^HTTP\/1.1 400 Bad Request\r\n/],
    ['a wrong path', upgradeRequest('/x'), /^HTTP\/1.1 404 Not Found\r\n/],
    ['a bad key', upgradeRequest('/f3', { 'Sec-WebSocket-Key': 'no' }), /^HTTP\/1.1 400 Bad Request\r\n/],
    ['a bad version', upgradeRequest('/f3', { 'Sec-WebSocket-Version': '7' }), /^HTTP\/1.1 400 Bad Request/],
    ['another protocol', upgradeRequest('/f3', { Upgrade: 'h2c' }), /^HTTP\/1.1 400 Bad Request\r\n/],
  ])('answers %s shortly, and goes on', async (_, request, answer) => {
    expect(await answerTo(listener.url, request)).toMatch(answer);
    await expectEcho();
  });

  it.each(['/f3', '/', '/f3?token=1'])('takes upgrades at %s', async (path) => {
    const ws = await openClient(path);
    const accepted = await listener.next();
    expect(accepted.properties.local_addr).toBe(new URL(listener.url).host);
    ws.terminate();
    await endOf(accepted);
  });

  it.each([
    ['text', (ws: WebSocket) => ws.send('hello'), 1003],
    ['an empty message', (ws: WebSocket) => ws.send(new Uint8Array(0)), 1002],
    ['less than a prefix', (ws: WebSocket) => ws.send(new Uint8Array(15)), 1002],
    ['half a frame', (ws: WebSocket) => ws.send(frameOf(1, 100).subarray(0, 60)), 1002],
    ['two frames in one', (ws: WebSocket) => ws.send(Buffer.concat([frameOf(1, 1), frameOf(2, 1)])), 1002],
    ['a frame over the limit', (ws: WebSocket) => ws.send(frameOf(1, HANDSHAKE_FRAME_BYTES - 15)), 1009],
  ])('refuses %s with BAD_DATA, and goes on', async (_, send, closeCode) => {
    const ws = await openClient();
    const accepted = await listener.next();
    const ended = endOf(accepted);
    const closed = once(ws, 'close');
    send(ws);
    expect(await ended).toMatchObject({ code: CommErrorCode.BAD_DATA });
    expect((await closed)[0]).toBe(closeCode);
    await expectEcho();
  });

  it.each([
    ['in one piece', (ws: WebSocket) => ws.send(new Uint8Array(4 * MIB))],
    ['in many', (ws: WebSocket) => sendFragments(ws, 4 * 1024, 1024)],
  ])('stops an endless message %s long before it is all there', async (_, send) => {
    const ws = await openClient();
    const accepted = await listener.next();
    const ended = endOf(accepted);
    const closed = once(ws, 'close');
    send(ws);
    expect(await ended).toMatchObject({
      code: CommErrorCode.BAD_DATA,
      message: expect.stringContaining('got more') as string,
    });
    await closed;
  });

  it.each([
    ['a stranger', undefined],
    ['a peer that may send 2 GiB', 2 ** 31 - 2 ** 21],
  ])('stops an endless series of empty fragments: of %s', async (_, maxFrameBytes) => {
    const ws = await openClient();
    const accepted = await listener.next();
    if (maxFrameBytes !== undefined) accepted.maxFrameBytes = maxFrameBytes;
    const ended = endOf(accepted);
    const closed = once(ws, 'close');
    while (ws.readyState === ws.OPEN) {
      sendFragments(ws, 0, 1_000);
      await new Promise(setImmediate);
    }
    expect(await ended).toMatchObject({ code: CommErrorCode.BAD_DATA });
    await closed;
    await expectEcho();
  });

  it('refuses a message of more than 128 fragments before the handshake', async () => {
    const ws = await openClient();
    const ended = endOf(await listener.next());
    const closed = once(ws, 'close');
    sendFragments(ws, 1, 129);
    expect(await ended).toMatchObject({ code: CommErrorCode.BAD_DATA });
    expect((await closed)[0]).toBe(1008);
    await expectEcho();
  });

  it('takes a message of more fragments after the handshake', async () => {
    const ws = await openClient();
    const accepted = await listener.next();
    accepted.maxFrameBytes = MIB;
    const received = firstValueFrom(accepted.frames$);
    const frame = frameOf(5, 200);
    for (const [index, byte] of frame.entries())
      ws.send(Uint8Array.of(byte), { fin: index === frame.length - 1 });
    expect(Buffer.compare(await received, frame)).toBe(0);
    ws.terminate();
    await endOf(accepted);
  });

  it('takes any number of pings between messages', async () => {
    const ws = await openClient();
    const accepted = await listener.next();
    const received = firstValueFrom(accepted.frames$.pipe(take(1_500), toArray()));
    for (let sequence = 0; sequence < 1_500; sequence += 1) {
      ws.ping(new Uint8Array(125));
      ws.send(frameOf(sequence, 40));
    }
    expect((await received).length).toBe(1_500);
    ws.terminate();
    await endOf(accepted);
  });

  it('refuses a message byte by byte', async () => {
    const socket = await open(listener.url);
    socket.setNoDelay(true).on('error', () => undefined);
    socket.write(upgradeRequest('/f3'));
    const accepted = await listener.next();
    accepted.maxFrameBytes = MIB;
    const ended = endOf(accepted);
    // A binary message of 60,000 bytes, with its mask.
    socket.resume().write(Buffer.from('82feea6000000000', 'hex'));
    while (accepted.isOpen) {
      socket.write(Uint8Array.of(0));
      await new Promise(setImmediate);
    }
    expect(await ended).toMatchObject({
      code: CommErrorCode.BAD_DATA,
      message: expect.stringContaining('small chunks') as string,
    });
    socket.destroy();
    await expectEcho();
  });

  it('lets small messages, pings and pongs come byte by byte, however many', async () => {
    const socket = await open(listener.url);
    socket.setNoDelay(true).on('error', () => undefined);
    socket.write(upgradeRequest('/f3'));
    const accepted = await listener.next();
    const ended = endOf(accepted);
    const frames = firstValueFrom(accepted.frames$.pipe(take(201), toArray()));
    const mask = [0, 0, 0, 0];
    const message = [0x82, 0x94, ...mask, ...frameOf(1, 4)];
    const bytes = [
      ...new Array<number[]>(800).fill([0x89, 0x80, ...mask]),
      ...new Array<number[]>(800).fill([0x8a, 0x80, ...mask]),
      ...new Array<number[]>(201).fill(message),
    ].flat();
    socket.resume();
    for (const byte of bytes) {
      socket.write(Uint8Array.of(byte));
      await new Promise(setImmediate);
    }
    expect(await frames).toEqual(new Array(201).fill(frameOf(1, 4)));
    socket.destroy();
    await ended;
  });

  it('takes fragments for one message', async () => {
    const ws = await openClient();
    const accepted = await listener.next();
    const received = firstValueFrom(accepted.frames$);
    const frame = frameOf(5, 60_000);
    for (let start = 0; start < frame.length; start += 1000)
      ws.send(frame.subarray(start, start + 1000), { fin: start + 1000 >= frame.length });
    expect(Buffer.compare(await received, frame)).toBe(0);
    ws.terminate();
    await endOf(accepted);
  });

  it('answers pings between messages', async () => {
    const ws = await openClient();
    const accepted = await listener.next();
    const ended = endOf(accepted);
    ws.ping('are you there');
    expect(String((await once(ws, 'pong'))[0])).toBe('are you there');
    ws.close(1001);
    expect(await ended).toBe('complete');
  });

  it('keeps its pongs out of a message that is half written', async () => {
    const ws = await openClient();
    const accepted = await listener.next();
    const ended = endOf(accepted);
    const frame = frameOf(3, 16 * MIB);
    accepted.highWaterMarkBytes = 64 * MIB;
    ws.pause();
    const pong = once(ws, 'pong');
    const message = once(ws, 'message');
    accepted.send(frame.subarray(0, 16), frame.subarray(16));
    // The listener has read the ping when it has read what came behind it.
    const behind = firstValueFrom(accepted.frames$);
    ws.ping();
    ws.send(frameOf(4, 0));
    await behind;
    ws.resume();
    expect(Buffer.compare((await message)[0] as Uint8Array, frame)).toBe(0);
    await pong;
    ws.close();
    await ended;
  });

  it('answers the last of many pings, and few of those before it, where the peer reads nothing', async () => {
    const ws = await openClient();
    const accepted = await listener.next();
    const ended = endOf(accepted);
    accepted.highWaterMarkBytes = 64 * MIB;
    ws.pause();
    const pongs: string[] = [];
    ws.on('pong', (data) => pongs.push(String(data)));
    accepted.send(encodedHead(3, 16 * MIB), new Uint8Array(16 * MIB));
    const behind = firstValueFrom(accepted.frames$);
    for (let number = 1; number <= 100; number += 1) ws.ping(`ping ${number}`.padEnd(125));
    ws.send(frameOf(4, 0));
    await behind;
    const message = once(ws, 'message');
    ws.resume();
    await message;
    ws.ping('and now');
    while (pongs.at(-1) !== 'and now') await once(ws, 'pong');
    expect(pongs.at(-2)?.trim()).toBe('ping 100');
    // One for each write of at most 1 MiB.
    expect(pongs.length).toBeLessThan(30);
    ws.close();
    await ended;
  });

  it('tells a clean end from a lost peer', async () => {
    const ends = ['close', 'leave', 'terminate'] as const;
    const results = [];
    for (const end of ends) {
      const ws = await openClient();
      const ended = endOf(await listener.next());
      if (end === 'close') ws.close();
      else if (end === 'leave') ws.close(1001);
      else ws.terminate();
      results.push(await ended);
    }
    expect(results).toEqual([
      'complete',
      'complete',
      expect.objectContaining({ code: CommErrorCode.CLOSED }),
    ]);
  });

  it('lets go of clients that never asked for anything when it ends', async () => {
    const silent = await open(listener.url);
    const half = await open(listener.url);
    half.write('GET /f3 HTTP/1.1\r\n');
    // The listener has met them when it has met who came behind them.
    await expectEcho();
    const closed = [once(silent, 'close'), once(half, 'close')];
    for (const socket of [silent, half]) socket.on('error', () => undefined).resume();
    listener[Symbol.dispose]();
    await Promise.all(closed);
  });
});

describe('a listener with TLS', () => {
  it('lets go of clients that never began TLS when it ends', async () => {
    const { ca, hub } = await testCertificates();
    const params = { ca_cert: ca, server_cert: hub.cert, server_key: hub.key };
    const secure = await listening(driver, { ...parseUrl('https://127.0.0.1:0'), ...params });
    const silent = await open(secure.url);
    const closed = once(silent.on('error', () => undefined).resume(), 'close');
    const plain = await answerTo(secure.url, upgradeRequest('/f3'));
    expect(plain).not.toContain('101');
    secure[Symbol.dispose]();
    await closed;
  });
});

async function openClient(path = '/f3'): Promise<WebSocket> {
  const { port } = new URL(listener.url);
  const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`, { perMessageDeflate: false });
  await once(ws, 'open');
  return ws.on('error', () => undefined);
}

/** A connection of its own still works. */
async function expectEcho(): Promise<void> {
  const ws = await openClient();
  const accepted: Connection = await listener.next();
  const received = firstValueFrom(accepted.frames$);
  ws.send(frameOf(9, 10));
  expect(Buffer.compare(await received, frameOf(9, 10))).toBe(0);
  accepted.send(encodedHead(8, 0));
  expect((await once(ws, 'message'))[1]).toBe(true);
  ws.close();
  await endOf(accepted);
}

function sendFragments(ws: WebSocket, size: number, count: number): void {
  for (let index = 0; index < count && ws.readyState === ws.OPEN; index += 1)
    ws.send(new Uint8Array(size), { fin: false });
}
