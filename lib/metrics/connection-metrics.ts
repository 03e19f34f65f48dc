import type { ConnectionStats } from '../stats.js';
import type { Metric } from './metric.js';

/** What grows and shrinks, for each connection. */
export const CONNECTION_LEVELS: readonly Metric<ConnectionStats>[] = [
  {
    name: 'rxflare.connection.count',
    unit: '{connection}',
    description: 'Open connections, those before their handshake included.',
    series: [{ attributes: {}, of: () => 1 }],
  },
  {
    name: 'rxflare.connection.paused',
    unit: '{connection}',
    description:
      'Connections that are not read, since their receivers are busy or the application paused them.',
    series: [{ attributes: {}, of: ({ isPaused }) => Number(isPaused) }],
  },
  {
    name: 'rxflare.connection.buffered',
    unit: 'By',
    description: 'Bytes handed to a connection but not yet to the operating system, heartbeats included.',
    series: [{ attributes: {}, of: ({ buffered }) => buffered.bytes }],
  },
  {
    name: 'rxflare.receiver.pending',
    unit: 'By',
    description: 'Bytes of messages that receivers hold until their promises settle.',
    series: [{ attributes: {}, of: ({ pendingBytes }) => pendingBytes }],
  },
];
