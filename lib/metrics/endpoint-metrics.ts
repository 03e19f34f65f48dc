import { EndpointState } from '../endpoint.js';
import { type EndpointStats, SEND_TIME_BOUNDS_MS } from '../stats.js';
import type { Metric } from './metric.js';

/** What distinguishes the series of one metric. */
type Series = Metric<EndpointStats>['series'][number];

const MESSAGING_SYSTEM = { 'messaging.system': 'rxflare' };
/** The states that a remote endpoint can have. */
const STATES = [EndpointState.READY, EndpointState.CLOSING, EndpointState.DISCONNECTED];

/** What only grows, for each endpoint. */
export const ENDPOINT_COUNTERS: readonly Metric<EndpointStats>[] = [
  {
    name: 'messaging.client.sent.messages',
    unit: '{message}',
    description: 'Messages handed to a connection.',
    series: [
      {
        attributes: { ...MESSAGING_SYSTEM, 'messaging.operation.name': 'send' },
        of: ({ sent }) => sent.messages,
      },
    ],
  },
  {
    name: 'messaging.client.consumed.messages',
    unit: '{message}',
    description: 'Messages received for a receiver or subscriber.',
    series: [
      {
        attributes: { ...MESSAGING_SYSTEM, 'messaging.operation.name': 'receive' },
        of: ({ received, unclaimed }) => received.messages - unclaimed.messages,
      },
    ],
  },
  {
    name: 'rxflare.io',
    unit: 'By',
    description: 'Bytes of messages on the wire, headers included.',
    series: [
      { attributes: { 'network.io.direction': 'transmit' }, of: ({ sent }) => sent.bytes },
      { attributes: { 'network.io.direction': 'receive' }, of: ({ received }) => received.bytes },
    ],
  },
  {
    name: 'rxflare.dropped.messages',
    unit: '{message}',
    description: 'Messages that certainly did not go out, may have been lost, or had no receiver here.',
    series: [
      { attributes: { 'rxflare.drop.reason': 'undelivered' }, of: ({ undelivered }) => undelivered.messages },
      { attributes: { 'rxflare.drop.reason': 'unknown' }, of: ({ unknown }) => unknown.messages },
      { attributes: { 'rxflare.drop.reason': 'no-receiver' }, of: ({ unclaimed }) => unclaimed.messages },
    ],
  },
  {
    name: 'rxflare.send.duration.bucket',
    unit: '{message}',
    description: 'Timed messages that the operating system had within `le` seconds of `send`.',
    series: [...SEND_TIME_BOUNDS_MS.map(bucketOf), bucketOf(Infinity, SEND_TIME_BOUNDS_MS.length)],
  },
  {
    name: 'rxflare.send.duration.count',
    unit: '{message}',
    description: 'Messages timed from `send` to the operating system: one at a time for each endpoint.',
    series: [{ attributes: {}, of: ({ sendTimes }) => sendTimes.count }],
  },
  {
    name: 'rxflare.send.duration.sum',
    unit: 's',
    description: 'Sum of the times of all timed messages.',
    series: [{ attributes: {}, of: ({ sendTimes }) => sendTimes.sumMs / 1_000 }],
  },
];

/** What grows and shrinks, for each endpoint. */
export const ENDPOINT_LEVELS: readonly Metric<EndpointStats>[] = [
  {
    name: 'rxflare.endpoint.count',
    unit: '{endpoint}',
    description: 'Known remote endpoints, watchers apart.',
    series: STATES.map((state) => ({
      attributes: { 'rxflare.endpoint.state': state },
      of: (endpoint) => Number(endpoint.state === state),
    })),
  },
  {
    name: 'rxflare.queue.messages',
    unit: '{message}',
    description: 'Messages that `send` accepted and the operating system does not have yet.',
    series: [{ attributes: {}, of: ({ queued }) => queued.messages }],
  },
  {
    name: 'rxflare.queue.size',
    unit: 'By',
    description: 'Bytes of the messages in queues.',
    series: [{ attributes: {}, of: ({ queued }) => queued.bytes }],
  },
];

/** A bucket counts all shorter times too, as in Prometheus. */
function bucketOf(boundMs: number, bin: number): Series {
  return {
    attributes: { le: boundMs === Infinity ? '+Inf' : String(boundMs / 1_000) },
    of: ({ sendTimes: { bins } }) => {
      let count = 0;
      for (let i = 0; i <= bin; i += 1) count += bins[i] ?? 0;
      return count;
    },
  };
}
