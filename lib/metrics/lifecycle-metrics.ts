import type { Attributes, Meter } from '@opentelemetry/api';
import { type Subscription, timestamp } from 'rxjs';

import type { Communicator } from '../communicator.js';
import type { LifecycleEvent } from '../lifecycle.js';
import type { Connection } from '../transport/connection.js';

/** Each has a series from the beginning: Prometheus computes no rate for the first event of a series. */
const TYPES: Readonly<Record<LifecycleEvent['type'], true>> = {
  listening: true,
  connected: true,
  endpoint: true,
  disconnected: true,
  retrying: true,
  refused: true,
  evicted: true,
  limited: true,
  'handshake-failed': true,
  dropped: true,
  'callback-error': true,
  cluster: true,
};

/** From a second to a day. */
const DURATION_BOUNDS_S = [1, 10, 60, 600, 3_600, 21_600, 86_400];

/** Counts lifecycle events, and how long connections last. */
export function recordEvents(communicator: Communicator, meter: Meter, common: Attributes): Subscription {
  const events = meter.createCounter('rxflare.lifecycle.events', {
    unit: '{event}',
    description: 'Events of lifecycle$.',
  });
  const durations = meter.createHistogram('rxflare.connection.duration', {
    unit: 's',
    description: 'How long connections lasted that have ended.',
    advice: { explicitBucketBoundaries: DURATION_BOUNDS_S },
  });
  const since = new WeakMap<Connection, number>();

  for (const type of Object.keys(TYPES)) events.add(0, { ...common, 'rxflare.event.type': type });
  return communicator.lifecycle$.pipe(timestamp()).subscribe(({ value: event, timestamp: at }) => {
    events.add(1, { ...common, 'rxflare.event.type': event.type });
    if (event.type === 'connected') since.set(event.connection, at);
    if (event.type !== 'disconnected') return;
    const from = since.get(event.connection);
    const error = event.error === undefined ? {} : { 'error.type': event.error.code };
    if (from !== undefined) durations.record(Math.max(0, at - from) / 1_000, { ...common, ...error });
  });
}
