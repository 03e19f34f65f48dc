import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { BehaviorSubject, filter, firstValueFrom, of, take, throwError, toArray } from 'rxjs';
import { afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';

import {
  CommErrorCode,
  Endpoint,
  type EndpointCandidate,
  type EndpointProperties,
  Mode,
  type PropertiesSource,
  RefusedError,
  type Verdict,
} from '../lib/index.js';
import { encodeHead } from '../lib/wire/frame.js';
import { FrameType } from '../lib/wire/prefix.js';
import { communicator, nextEvent, startListening, stopAll, untilState } from './support/communicators.js';
import { hello, RawPeer } from './support/raw-peer.js';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rxflare-refused-'));
  return () => rm(directory, { recursive: true, force: true });
});

afterEach(stopAll);

const URLS: [string, () => string][] = [
  ['tcp', () => 'tcp://127.0.0.1:0'],
  ['http', () => 'http://127.0.0.1:0'],
  ['grpc', () => 'grpc://127.0.0.1:0'],
  ['inproc', () => 'inproc://refusing-hub'],
  ['shared-file', () => `shared-file://0${directory}/hub?poll_interval=0.01`],
];

const byToken = ({ endpoint: { properties } }: EndpointCandidate): Verdict =>
  properties.token === 'good' || { reason: 'token of user 7 has expired', tellPeer: 'please log in again' };

/** A hub that listens, and where. */
async function refusing(url: string, verifyEndpoint: (candidate: EndpointCandidate) => Verdict = byToken) {
  const hub = communicator('hub', { verifyEndpoint });
  hub.addConnector(url, Mode.PASSIVE);
  return { hub, url: await startListening(hub) };
}

describe.each(URLS)('a peer that is refused over %s', (_, url) => {
  it('learns it, with the reason that is for it, and tries again', async () => {
    const { hub, url: to } = await refusing(url());
    const reasons = firstValueFrom(
      hub.lifecycle$.pipe(
        filter((event) => event.type === 'refused'),
        take(2),
        toArray(),
      ),
    );
    const site = communicator('site-1');
    const refused = nextEvent(site, 'refused');
    const ended = nextEvent(site, 'disconnected');
    site.addConnector(to, Mode.ACTIVE);
    await site.start();
    const event = await refused;
    expect(event).toMatchObject({ by: 'peer', reason: 'please log in again' });
    expect(event).not.toHaveProperty('endpointName');
    const { error } = await ended;
    expect(error).toBeInstanceOf(RefusedError);
    expect(error).toMatchObject({ code: CommErrorCode.REFUSED, reason: 'please log in again' });
    expect(await reasons).toMatchObject([
      { by: 'us', endpointName: 'site-1', reason: 'token of user 7 has expired' },
      { by: 'us', endpointName: 'site-1', reason: 'token of user 7 has expired' },
    ]);
  });

  it.each([
    ['a text', 'token of user 7 has expired'],
    ['false', false],
  ])('learns it without a reason where the verdict is %s', async (_what, verdict) => {
    const { hub, url: to } = await refusing(url(), () => verdict);
    const ended = nextEvent(hub, 'disconnected');
    const site = communicator('site-1');
    const refused = nextEvent(site, 'refused');
    site.addConnector(to, Mode.ACTIVE);
    await site.start();
    expect(await refused).toMatchObject({ by: 'peer', reason: '' });
    expect((await ended).error).toMatchObject({ code: CommErrorCode.REFUSED });
  });

  it('is not told so where nobody has decided, and comes back: verifyEndpoint failed', async () => {
    let asked = 0;
    const { hub, url: to } = await refusing(url(), () => {
      asked += 1;
      if (asked === 1) throw new Error('no database');
      return true;
    });
    const ended = nextEvent(hub, 'disconnected');
    const site = communicator('site-1', { afterRefusal: 'stop' });
    site.addConnector(to, Mode.ACTIVE);
    await site.start();
    expect((await ended).error).toMatchObject({ code: CommErrorCode.ERROR });
    await untilState(site, 'hub');
    expect(asked).toBe(2);
  });

  it('stops where it is to, and leaves nothing open', async () => {
    const { hub, url: to } = await refusing(url());
    const ended = nextEvent(hub, 'disconnected');
    const site = communicator('site-1', { afterRefusal: 'stop' });
    const handle = site.addConnector(to, Mode.ACTIVE);
    const states = firstValueFrom(
      (site.findConnector(handle)?.state$ ?? of()).pipe(
        filter(({ type }) => type === 'stopped' || type === 'retrying'),
      ),
    );
    await site.start();
    expect(await states).toEqual({ type: 'stopped' });
    await ended;
    expect(site.stats().connections).toEqual([]);
    await site.removeConnector(handle);
  });
});

describe('new properties', () => {
  const renewed: [string, () => PropertiesSource][] = [
    ['a function', () => counting((token) => ({ token }))],
    ['a promise', () => counting((token) => Promise.resolve({ token }))],
    ['an Observable that a function returns', () => counting((token) => of({ token }))],
  ];

  it.each(renewed)('are asked for at each attempt: %s', async (_, source) => {
    const { hub, url } = await refusing('tcp://127.0.0.1:0');
    const site = communicator(new Endpoint('site-1', { gpus: 4, token: 'none' }), { properties: source() });
    const refused = nextEvent(site, 'refused');
    site.addConnector(url, Mode.ACTIVE);
    await site.start();
    await refused;
    expect((await untilState(hub, 'site-1')).properties).toEqual({ gpus: 4, token: 'good' });
  });

  it('are the latest of an Observable', async () => {
    const { hub, url } = await refusing('tcp://127.0.0.1:0');
    const token$ = new BehaviorSubject({ token: 'old' });
    const site = communicator('site-1', { properties: token$ });
    site.lifecycle$.subscribe(({ type }) => {
      if (type === 'refused') token$.next({ token: 'good' });
    });
    site.addConnector(url, Mode.ACTIVE);
    await site.start();
    await untilState(hub, 'site-1');
    expect(token$.observed).toBe(false);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('no token');
      },
    ],
    ['errors', () => throwError(() => new Error('no token'))],
    ['is rejected', () => Promise.reject(new Error('no token'))],
    ['gives no object', () => 'token' as unknown as EndpointProperties],
    ['gives what cannot be sent', () => ({ token: Symbol('x') as unknown as string })],
  ])('of a source that %s end the attempt, and the next one may work', async (_, fail) => {
    const { hub, url } = await refusing('tcp://127.0.0.1:0');
    let asked = 0;
    const properties = () => ((asked += 1) === 1 ? (fail() as EndpointProperties) : { token: 'good' });
    const site = communicator('site-1', { properties });
    const retrying = nextEvent(site, 'retrying');
    site.addConnector(url, Mode.ACTIVE);
    await site.start();
    expect((await retrying).error?.message).toMatch(/no token|option properties|cannot be encoded/);
    await untilState(hub, 'site-1');
    expect(asked).toBe(2);
  });

  it('are refused where they are neither function nor Observable', () => {
    expect(() => communicator('site-1', { properties: {} as PropertiesSource })).toThrow('option properties');
  });
});

describe('what a refusal says on the wire', () => {
  it('is close code 1008 with the reason for a WebSocket, cleaned and cut', async () => {
    const tellPeer = `log in\r\n\u0000again${'\u{1F512}'.repeat(40)}`;
    const { url } = await refusing('http://127.0.0.1:0', () => ({ tellPeer }));
    const ws = new WebSocket(`${url}/f3`);
    await once(ws, 'open');
    ws.send(hello());
    const [code, reason] = (await once(ws, 'close')) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([1008, `log in again${'\u{1F512}'.repeat(27)}`]);
  });

  it('is one PONG with a map over TCP, and the end', async () => {
    const { url } = await refusing('tcp://127.0.0.1:0');
    using peer = await RawPeer.connect(url);
    const chunks: Buffer[] = [];
    peer.socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    peer.send(hello());
    await peer.closed();
    const frame = Buffer.concat(chunks);
    expect([frame.readUInt32BE(0), frame[6]]).toEqual([frame.length, FrameType.PONG]);
    expect(frame.subarray(16).toString('latin1')).toBe('\x81\xa7refused\xb3please log in again');
  });

  it('is nothing to one who is in: a late refusal is a PONG like others', async () => {
    const hub = communicator('hub');
    hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
    using peer = await RawPeer.connect(await startListening(hub));
    peer.send(hello({ endpoint_name: 'site-1' }));
    await untilState(hub, 'site-1');
    const payload = Buffer.from('\x81\xa7refused\xa3bye', 'latin1');
    const head = encodeHead({ type: FrameType.PONG, appId: 0, streamId: 1 }, payload.length).slice();
    const message = encodeHead({ type: FrameType.DATA, appId: 1, streamId: 1 }, 0);
    const arrived = firstValueFrom(hub.messages(1));
    peer.send(Buffer.concat([head, payload]), message);
    await arrived;
    expect(hub.findEndpoint('site-1')?.state).toBe('READY');
  });
});

/** A source that has a good token from the second time on. */
function counting<T>(make: (token: string) => T): () => T {
  let asked = 0;
  onTestFinished(() => expect(asked).toBe(2));
  return () => make((asked += 1) === 1 ? 'bad' : 'good');
}
