import { describe, expect, it } from 'vitest';

import { CommErrorCode, textMessage } from '../../lib/index.js';
import {
  decodeRequest,
  encodeJson,
  MAX_REQUEST_BYTES,
  type StatsAnswer,
  statsQuestion,
  type StatsRequest,
} from '../../lib/monitor/stats-protocol.js';
import { totalsOf } from '../../lib/monitor/stats-totals.js';
import { clusterStats, endpointStats, event, snapshot } from './samples.js';

const stats = snapshot(endpointStats('site-1'), endpointStats('top-1', { isWatcher: true }));
const report = {
  type: 'report',
  id: 7,
  periodMs: 1_000,
  stats,
  totals: totalsOf(stats),
  events: [{ ...event(1), endpointName: 'site-1', code: 'CLOSED' }],
  missedEvents: 0,
} as const;
const { read } = statsQuestion({ type: 'watch', id: 7, periodMs: 1_000 });

describe('a request', () => {
  it.each<StatsRequest>([
    { type: 'watch', id: 1, periodMs: 0.5 },
    { type: 'watch', id: 1, periodMs: 1_000, maxEndpoints: 1 },
    { type: 'watch', id: 1, periodMs: 1_000, find: 'site' },
    { type: 'stop', id: -1 },
    { type: 'echo', id: 1e15 },
  ])('%j is read', (request) => expect(decodeRequest(encodeJson(request))).toEqual(request));

  it.each([
    'null',
    '[]',
    '{"type":"stop"}',
    '{"type":"stop","id":"1"}',
    '{"type":"watch","id":1}',
    '{"type":"watch","id":1,"periodMs":0}',
    '{"type":"watch","id":1,"periodMs":"1"}',
    '{"type":"watch","id":1,"periodMs":1,"maxEndpoints":0}',
    '{"type":"watch","id":1,"periodMs":1,"find":1}',
    '{"type":"report","id":1}',
    '{"type":"watch","id":1,',
  ])('%s is none', (text) => expect(decodeRequest(textMessage(text))).toBeUndefined());

  it('is not looked at above 1 KB', () => {
    const request = '{"type":"stop","id":1}';
    expect(decodeRequest(textMessage(request.padEnd(MAX_REQUEST_BYTES)))).toEqual({ type: 'stop', id: 1 });
    expect(decodeRequest(textMessage(request.padEnd(MAX_REQUEST_BYTES + 1)))).toBeUndefined();
  });
});

describe('an answer', () => {
  const { periodMs: _period, totals: _totals, ...short } = report;

  it.each<StatsAnswer>([
    report,
    short,
    {
      ...report,
      stats: { ...snapshot(endpointStats('site-1', { replica: 'hub-b' })), cluster: clusterStats() },
    },
    { type: 'ended', id: 7 },
    { type: 'echo', id: 7 },
    { type: 'refused', id: 7, code: CommErrorCode.NOT_READY, text: 'later' },
  ])('is read: %j', (answer) => expect(read(encodeJson(answer))).toEqual(answer));

  it.each([
    ['of another question', { ...report, id: 8 }],
    ['of another question, even a wrong one', { type: 'report', id: 8 }],
    ['which is a request to our own service', { type: 'watch', id: 7, periodMs: 1 }],
    ['which ends a request', { type: 'stop', id: 7 }],
  ])('%s is passed over', (_, value) => {
    expect(read(textMessage(JSON.stringify(value)))).toBeUndefined();
  });

  const [site] = stats.endpoints;
  const [connection] = stats.connections;
  it.each([
    ['no object', 5],
    ['without an ID', { ...report, id: undefined }],
    ['of an unknown type', { ...report, type: 'story' }],
    ['without stats', { ...report, stats: null }],
    ['without an array of endpoints', { ...report, stats: { ...stats, endpoints: {} } }],
    ['with an endpoint that is null', { ...report, stats: { ...stats, endpoints: [null] } }],
    [
      'with a state unknown here',
      { ...report, stats: { ...stats, endpoints: [{ ...site, state: 'HAPPY' }] } },
    ],
    ['with a tally that is text', { ...report, stats: { ...stats, endpoints: [{ ...site, sent: '5' }] } }],
    [
      'with bins of text',
      { ...report, stats: { ...stats, endpoints: [{ ...site, sendTimes: { bins: ['1'] } }] } },
    ],
    [
      'with a connection without addresses',
      { ...report, stats: { ...stats, connections: [{ name: 'CN1' }] } },
    ],
    ['with a TLS version of 3', { ...report, stats: { ...stats, connections: [{ ...connection, tls: 3 }] } }],
    ['with a replica of 3', { ...report, stats: { ...stats, endpoints: [{ ...site, replica: 3 }] } }],
    ['with half of a cluster', { ...report, stats: { ...stats, cluster: { name: 'fl' } } }],
    [
      'with a hop to nowhere',
      {
        ...report,
        stats: {
          ...stats,
          cluster: { ...clusterStats(), replicas: [{ ...clusterStats().replicas[0], sentTo: [{}] }] },
        },
      },
    ],
    ['with totals that are null', { ...report, totals: null }],
    ['with half of the totals', { ...report, totals: { endpoints: 1 } }],
    ['with an event that is text', { ...report, events: ['news'] }],
    ['with an event without text', { ...report, events: [{ at: 1, type: 'endpoint' }] }],
    ['with a period of text', { ...report, periodMs: '1' }],
    ['without a count of missed events', { ...report, missedEvents: undefined }],
    ['refused for no known code', { type: 'refused', id: 7, code: 'toString', text: '' }],
    ['refused without a text', { type: 'refused', id: 7, code: CommErrorCode.ERROR }],
  ])('is BAD_DATA: %s', (_, value) => {
    expect(() => read(textMessage(JSON.stringify(value)))).toThrow(
      expect.objectContaining({ code: CommErrorCode.BAD_DATA }),
    );
  });

  it.each([
    ['above 16 MiB', JSON.stringify(report).padEnd(16 * 1024 * 1024 + 1)],
    ['a small one of thousands of brackets', `{"type":"report","id":7,"stats":${'['.repeat(10_000)}`],
    ['no JSON', '{"type":"report"'],
  ])('is BAD_DATA: %s', (_, text) => {
    expect(() => read(textMessage(text))).toThrow(expect.objectContaining({ code: CommErrorCode.BAD_DATA }));
  });
});
