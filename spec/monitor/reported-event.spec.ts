import { describe, expect, it } from 'vitest';

import {
  CommError,
  CommErrorCode,
  Endpoint,
  EndpointState,
  type LifecycleEvent,
  Mode,
} from '../../lib/index.js';
import { reportEvent } from '../../lib/monitor/reported-event.js';
import { FakeConnection } from '../support/fake-connection.js';

const connection = new FakeConnection({ local_addr: '127.0.0.1:1', peer_addr: '127.0.0.1:2' });
const { name } = connection;
const handle = 'CH00001';
const url = 'tcp://0:8002';
const error = new CommError(CommErrorCode.CLOSED, 'reset by peer');
const site = (connProps: Record<string, unknown>) =>
  new Endpoint('site-1', {}, { peer_addr: '127.0.0.1:2', ...connProps }, EndpointState.READY);

/** Each event, with the line and the other fields that it is reported with. */
const CASES: readonly (readonly [LifecycleEvent, string, object?])[] = [
  [{ type: 'listening', handle, url }, 'listening on tcp://0:8002', { url }],
  [
    { type: 'retrying', handle, url, mode: Mode.ACTIVE, delayMs: 1_540, error },
    'tcp://0:8002 is tried again in 1.5 s: reset by peer',
    { code: 'CLOSED' },
  ],
  [
    { type: 'retrying', handle, url, mode: Mode.ACTIVE, delayMs: 1_000 },
    'tcp://0:8002 is tried again in 1.0 s',
  ],
  [{ type: 'connected', handle, connection }, `${name} (127.0.0.1:2) opened`],
  [
    { type: 'endpoint', endpoint: site({}), connection },
    'site-1 READY (127.0.0.1:2)',
    { endpointName: 'site-1' },
  ],
  [
    { type: 'endpoint', endpoint: site({ tls: 'TLSv1.3', peer_cn: 'site-1' }), connection },
    'site-1 READY (127.0.0.1:2, TLSv1.3 as site-1)',
    { endpointName: 'site-1' },
  ],
  [
    { type: 'disconnected', handle, connection, endpointName: 'site-1', error },
    `${name} (127.0.0.1:2) of site-1 closed: reset by peer`,
    { endpointName: 'site-1', code: 'CLOSED' },
  ],
  [{ type: 'disconnected', handle, connection }, `${name} (127.0.0.1:2) of a stranger closed`],
  [
    { type: 'refused', by: 'peer', handle, connection, peerAddr: '127.0.0.1:2', reason: 'log in\n again' },
    '127.0.0.1:2 refuses us: log in\\u000a again',
    {},
  ],
  [
    { type: 'refused', by: 'peer', handle, connection, peerAddr: '127.0.0.1:2', reason: '' },
    '127.0.0.1:2 refuses us: it does not tell why',
    {},
  ],
  [
    {
      type: 'refused',
      by: 'us',
      handle,
      connection,
      endpointName: 'site-1',
      peerAddr: '127.0.0.1:2',
      reason: 'not today',
    },
    'site-1 (127.0.0.1:2) may not join: not today',
    { endpointName: 'site-1' },
  ],
  [
    { type: 'handshake-failed', handle, url, peerAddr: '127.0.0.1:2', error, connections: 4 },
    'reset by peer (4 so far)',
    { code: 'CLOSED' },
  ],
  [
    {
      type: 'limited',
      handle,
      url,
      limit: 'maxConnections',
      peerAddr: '127.0.0.1:2',
      connections: 4,
      message: 'full',
    },
    'full (4 so far)',
  ],
  [
    {
      type: 'evicted',
      endpointName: 'site-1',
      evicted: connection,
      newcomer: connection,
      count: 1,
      message: 'twice',
    },
    'twice',
    { endpointName: 'site-1' },
  ],
  [
    {
      type: 'dropped',
      reason: 'disconnected',
      endpointName: 'site-1',
      undelivered: { messages: 3, bytes: 500 },
      unknown: { messages: 0, bytes: 0 },
    },
    '3 messages (500 bytes) not delivered to site-1: its connection ended',
    { endpointName: 'site-1' },
  ],
  [
    {
      type: 'dropped',
      reason: 'disconnected',
      endpointName: 'site-1',
      undelivered: { messages: 3, bytes: 500 },
      unknown: { messages: 1, bytes: 20 },
    },
    '3 messages (500 bytes) not delivered to site-1, 1 messages (20 bytes) may have arrived: its connection ended',
    { endpointName: 'site-1' },
  ],
  [
    { type: 'dropped', reason: 'no-receiver', endpointName: 'site-1', appId: 9, messages: 3, bytes: 500 },
    '3 messages (500 bytes) dropped so far, since app ID 9 has no receiver; the last was of site-1',
    { endpointName: 'site-1' },
  ],
  [
    { type: 'callback-error', callback: 'monitor', error },
    'a monitor failed: reset by peer',
    { code: 'CLOSED' },
  ],
];

const ROWS = CASES.map(([event, text, fields = {}]) => ({ event, text, fields }));

describe('an event as it is reported', () => {
  it.each(ROWS)('reads: $text', ({ event, text, fields }) => {
    const reported = reportEvent(event, 42);
    expect(reported).toEqual({ at: 42, type: event.type, text, ...fields });
    expect(JSON.parse(JSON.stringify(reported))).toEqual(reported);
  });
});
