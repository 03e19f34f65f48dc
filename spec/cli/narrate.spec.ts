import { from, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { narrate } from '../../lib/cli/narrate.js';
import type { Output } from '../../lib/cli/printer.js';
import {
  CommError,
  CommErrorCode,
  Endpoint,
  EndpointState,
  type LifecycleEvent,
  Mode,
  RefusedError,
} from '../../lib/index.js';
import { FakeConnection } from '../support/fake-connection.js';

const handle = 'CH00001';
const url = 'tcp://0:8002';
const peerAddr = '127.0.0.1:2';
const connectionOf = (peer_addr: string) => new FakeConnection({ local_addr: '127.0.0.1:1', peer_addr });
const connection = connectionOf(peerAddr);
const newcomer = connectionOf('127.0.0.1:3');
const tally = (messages: number) => ({ messages, bytes: messages * 10 });

function told(...events: readonly LifecycleEvent[]): readonly Output[] {
  let outputs: readonly Output[] = [];
  narrate({ lifecycle$: from(events) })
    .pipe(toArray())
    .subscribe((all) => (outputs = all));
  return outputs;
}

const attempt: LifecycleEvent = { type: 'connected', handle, connection, attemptedAt: 1 };
const ended = (error: CommError): LifecycleEvent => ({ type: 'disconnected', handle, connection, error });
const again = (error: CommError, more: { attemptedAt?: number } = {}): LifecycleEvent => ({
  type: 'retrying',
  handle,
  url,
  mode: Mode.ACTIVE,
  delayMs: 1_000,
  error,
  ...more,
});
const closed = new CommError(CommErrorCode.CLOSED, 'closed');

describe('what the command tells', () => {
  it.each<[LifecycleEvent, object]>([
    [
      {
        type: 'handshake-failed',
        handle,
        url,
        peerAddr,
        error: new CommError(CommErrorCode.BAD_CONFIG, 'no', { detail: 'certificate-refused' }),
        connections: 3,
      },
      { url, peerAddr, code: 'BAD_CONFIG', detail: 'certificate-refused', count: 3 },
    ],
    [
      {
        type: 'limited',
        handle,
        url,
        limit: 'maxConnections',
        peerAddr,
        connections: 2,
        message: 'full',
      },
      { url, peerAddr, limit: 'maxConnections', count: 2 },
    ],
    [
      {
        type: 'refused',
        by: 'us',
        handle,
        connection,
        endpointName: 'site-1',
        peerAddr,
        reason: 'no token',
      },
      { by: 'us', peerAddr, endpointName: 'site-1', code: 'REFUSED', reason: 'no token' },
    ],
    [
      {
        type: 'evicted',
        endpointName: 'site-1',
        evicted: connection,
        newcomer,
        count: 2,
        message: 'a second connection',
      },
      { endpointName: 'site-1', peerAddr: '127.0.0.1:3', evictedAddr: peerAddr, count: 2 },
    ],
    [
      {
        type: 'dropped',
        reason: 'disconnected',
        endpointName: 'site-1',
        undelivered: tally(1),
        unknown: tally(2),
      },
      { endpointName: 'site-1', undelivered: tally(1), unknown: tally(2) },
    ],
    [
      {
        type: 'dropped',
        reason: 'no-receiver',
        endpointName: 'site-1',
        appId: 7,
        messages: 4,
        bytes: 40,
      },
      { endpointName: 'site-1', app: 7, count: 4, bytes: 40 },
    ],
  ])('has its facts in fields, for programs: $type', (event, facts) => {
    expect(told(event)).toEqual([
      { event: 'notice', type: event.type, message: expect.any(String) as unknown, ...facts },
    ]);
  });

  it('of an attempt that the peer refused, once', () => {
    const error = new RefusedError('the peer refused us', '');
    const refused = { type: 'refused', by: 'peer', handle, connection, peerAddr, reason: '' } as const;
    expect(told(attempt, refused, ended(error), again(error))).toMatchObject([
      { event: 'error', code: 'REFUSED', diagnosis: 'handshake-refused', retryMs: 1_000 },
    ]);
    expect(told(refused)).toMatchObject([{ event: 'notice', type: 'refused', by: 'peer' }]);
  });

  it('of an eviction, once', () => {
    const joined: LifecycleEvent = { type: 'connected', handle, connection };
    const evicted = { endpointName: 'site-1', evicted: connection, newcomer, count: 1, message: 'second' };
    expect(told(joined, { type: 'evicted', ...evicted }, ended(closed))).toMatchObject([
      { event: 'notice', type: 'evicted' },
    ]);
  });

  it('of a connection that is lost, once, and that it was one', () => {
    const endpoint = new Endpoint('hub', {}, {}, EndpointState.READY);
    const ready: LifecycleEvent = { type: 'endpoint', endpoint, connection };
    expect(
      told(attempt, ready, ended(closed), again(closed), again(closed, { attemptedAt: 2 })),
    ).toMatchObject([
      { event: 'endpoint', state: 'READY' },
      { event: 'error', code: 'CLOSED', diagnosis: 'connection-lost', retryMs: 1_000 },
      { event: 'error', diagnosis: 'not-f3' },
    ]);
    expect(told(attempt, ended(closed), again(closed))).toMatchObject([{ diagnosis: 'not-f3' }]);
  });

  it('of a peer of a listener that ends with an error', () => {
    expect(told({ type: 'connected', handle, connection }, ended(closed))).toMatchObject([
      { event: 'error', code: 'CLOSED', message: 'closed' },
    ]);
  });
});
