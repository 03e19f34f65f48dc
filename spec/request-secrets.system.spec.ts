import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { format } from 'node:util';

import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';

import { type EndpointCandidate, type LifecycleEvent, Mode, type Verdict } from '../lib/index.js';
import { parseUrl } from '../lib/transport/url.js';
import { reportEvent } from '../lib/monitor/reported-event.js';
import { framed, rawStream, statusOf } from './drivers/grpc/raw-call.js';
import { answerTo, upgradeRequest } from './drivers/websocket/raw-client.js';
import { communicator, nextEvent, startListening, stopAll } from './support/communicators.js';
import { grpcFrame } from './support/grpc-frame.js';
import { hello } from './support/raw-peer.js';

// Loggers look at both when their module is loaded, so they are set before all imports.
const { lines, restore } = vi.hoisted(() => {
  const { DEBUG } = process.env;
  const { error } = console;
  const lines: unknown[][] = [];
  process.env.DEBUG = 'rxflare:*';
  console.error = (...args: unknown[]) => void lines.push(args);
  const restore = (): void => {
    console.error = error;
    if (DEBUG === undefined) delete process.env.DEBUG;
    else process.env.DEBUG = DEBUG;
  };
  return { lines, restore };
});

const SECRET = 's3cr3t-of-a-request';
const HEADERS = { authorization: `Bearer ${SECRET}`, cookie: `session=${SECRET}`, 'x-api-key': SECRET };

beforeEach(() => {
  lines.length = 0;
});
afterEach(stopAll);
afterAll(restore);

/** How a peer begins that has credentials, and what it sends then. Resolves when the hub has ended the connection. */
type Peer = (url: string, bytes: Uint8Array) => Promise<void>;

const PEERS: readonly (readonly [string, Peer])[] = [
  [
    'http',
    async (url, bytes) => {
      const ws = new WebSocket(`${url}/f3?token=${SECRET}`, { headers: HEADERS });
      await once(ws, 'open');
      ws.send(bytes);
      await once(ws, 'close');
    },
  ],
  [
    'grpc',
    async (url, bytes) => {
      const session = openSession(url);
      const stream = rawStream(session, undefined, HEADERS);
      stream.write(framed(grpcFrame(1, bytes)));
      await statusOf(stream);
      session.destroy();
    },
  ],
];

/** What a peer does, whether `verifyEndpoint` is asked about it, and what that says. */
const CASES: readonly (readonly [string, Uint8Array, boolean, (candidate: EndpointCandidate) => Verdict])[] =
  [
    ['is refused', hello(), true, () => ({ reason: 'not today', tellPeer: 'log in' })],
    ['is refused by an error', hello(), true, () => fail()],
    ['is let in, and removed', hello(), true, () => true],
    ['sends no handshake', new TextEncoder().encode('x'.repeat(64)), false, () => true],
    ['has a bad name', hello({ endpoint_name: '' }), false, () => true],
  ];

describe.each(PEERS)('the credentials of a request over %s', (scheme, peer) => {
  it.each(CASES)(
    'are seen by verifyEndpoint alone, of a peer that %s',
    async (_, bytes, isAsked, verdict) => {
      const requests: unknown[] = [];
      const hub = communicator('hub', {
        verifyEndpoint: (candidate) => {
          requests.push(candidate.request?.headers);
          return verdict(candidate);
        },
      });
      const events: LifecycleEvent[] = [];
      hub.lifecycle$.subscribe((event) => events.push(event));
      hub.addConnector(`${scheme}://127.0.0.1:0`, Mode.PASSIVE);
      const url = await startListening(hub);
      hub.ready('raw').subscribe(() => hub.removeEndpoint('raw'));
      const ended = nextEvent(hub, 'disconnected');
      await peer(url, bytes);
      await ended;
      const all = [
        events,
        events.map((event) => reportEvent(event, 0)),
        hub.stats(),
        hub.findEndpoint('raw'),
      ];
      expect(paths(all)).toEqual([]);
      expect(logged()).not.toContain(SECRET);
      expect(logged()).toContain('rxflare:connector');
      // What is looked for is what a hook can see.
      expect(requests.flatMap((request) => paths(request)).length).toBe(isAsked ? 3 : 0);
    },
  );
});

describe('the credentials of a request that is declined', () => {
  it.each([
    ['for its path', upgradeRequest(`/other?token=${SECRET}`, HEADERS), '404'],
    ['for its origin', upgradeRequest('/f3', { ...HEADERS, Origin: 'http://evil.example' }), '403'],
    ['for its key', upgradeRequest('/f3', { ...HEADERS, 'Sec-WebSocket-Key': SECRET }), '400'],
    ['since it is no upgrade', `GET /?t=${SECRET} HTTP/1.1\r\nHost: x\r\nCookie: ${SECRET}\r\n\r\n`, '426'],
    ['since it is no HTTP', `${SECRET} nonsense\r\n\r\n`, '400'],
    ['for its size', upgradeRequest('/f3', { ...HEADERS, 'X-Long': SECRET.repeat(2_000) }), '431'],
  ])('are nowhere: %s', async (_, request, status) => {
    const hub = communicator('hub');
    const events: LifecycleEvent[] = [];
    hub.lifecycle$.subscribe((event) => events.push(event));
    const { WebSocketDriver } = await import('../lib/drivers/index.js');
    const driver = new WebSocketDriver({ origins: ['http://localhost'] });
    hub.addConnectorAdvanced(driver, Mode.PASSIVE, parseUrl('http://127.0.0.1:0'), false);
    const url = await startListening(hub);
    expect(await answerTo(url, request)).toMatch(`HTTP/1.1 ${status}`);
    expect(paths([events, hub.stats()])).toEqual([]);
    expect(logged()).not.toContain(SECRET);
  });

  it('are nowhere: of a gRPC call to another method', async () => {
    const hub = communicator('hub');
    const events: LifecycleEvent[] = [];
    hub.lifecycle$.subscribe((event) => events.push(event));
    hub.addConnector('grpc://127.0.0.1:0', Mode.PASSIVE);
    const session = openSession(await startListening(hub));
    expect(await statusOf(rawStream(session, `/${SECRET}/Method`, HEADERS))).toBe('12');
    session.destroy();
    expect(paths([events, hub.stats()])).toEqual([]);
    expect(logged()).not.toContain(SECRET);
  });
});

function openSession(url: string) {
  const session = connectHttp2(url.replace('grpc', 'http'));
  session.on('error', () => undefined);
  return session;
}

function fail(): never {
  throw new Error('the database of users is away');
}

/** What `DEBUG=rxflare:*` has written. */
function logged(): string {
  return lines.map((args) => format(...args)).join('\n');
}

/** Where the secret is in what can be reached from a value, through all fields, causes of errors, and bytes. */
function paths(value: unknown, path = '', seen = new Set<unknown>()): string[] {
  if (typeof value === 'string') return value.includes(SECRET) ? [path] : [];
  if (value instanceof Uint8Array) return Buffer.from(value).includes(SECRET) ? [path] : [];
  if (typeof value !== 'object' || value === null || seen.has(value)) return [];
  seen.add(value);
  const entries = value instanceof Map || value instanceof Set ? [['entries', [...value]] as const] : [];
  const fields = Reflect.ownKeys(value).map(
    (key) => [String(key), Object.getOwnPropertyDescriptor(value, key)?.value as unknown] as const,
  );
  return [...entries, ...fields].flatMap(([key, field]) => paths(field, `${path}.${key}`, seen));
}
