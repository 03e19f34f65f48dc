import { type ConnectionStats, EndpointState, type EndpointStats, type Tally } from 'rxflare';
import type { HistorySample, ReportedEvent, StatsReport, StatsStatus, StatsTotals } from 'rxflare/monitor';

import { advanceCluster, type ClusterPicture } from './cluster-picture';

/** Messages and bytes a second. */
export type Rate = Tally;

/** What went over all connections in one period. */
export interface Sample {
  readonly at: number;
  readonly received: Rate;
  readonly sent: Rate;
}

/** One endpoint as the table shows it. */
export interface Row {
  readonly name: string;
  readonly state: EndpointState;
  /** The ID of the replica that it is connected to; `undefined` where that is the one of this page. */
  readonly replica: string | undefined;
  /** This very page. */
  readonly isSelf: boolean;
  /** It says that it only watches, as this page does. */
  readonly isWatcher: boolean;
  readonly transport: string;
  readonly address: string;
  /** The TLS version; `undefined` in the clear. */
  readonly tls: string | undefined;
  readonly received: Rate;
  readonly sent: Rate;
  readonly receivedInAll: Tally;
  readonly sentInAll: Tally;
  readonly queued: Tally;
  readonly lost: Tally;
  /** Its rates since this page has known it, oldest first, at most {@link SAMPLES}. */
  readonly samples: readonly Sample[];
}

/** An event with a number of its own, for `@for`. */
export interface NumberedEvent extends ReportedEvent {
  readonly number: number;
}

/** The hub at one moment, and what led there. */
export interface Picture {
  readonly hub: string;
  /** Anything but `live` says that it is old, and why. */
  readonly status: StatsStatus;
  readonly at: number;
  /** Of many endpoints the busiest. */
  readonly rows: readonly Row[];
  /** Those of them that only watch. */
  readonly watchers: readonly Row[];
  /** Of all endpoints but the watchers. */
  readonly totals: StatsTotals;
  /** One for each report, oldest first, at most {@link SAMPLES}. */
  readonly samples: readonly Sample[];
  /** The sums of the last hour, oldest first: those that the hub kept, and those since. */
  readonly past: readonly HistorySample[];
  /** Where the hub listens, as far as its events tell. */
  readonly listeners: readonly string[];
  /** `undefined` where the hub is no replica of a cluster. */
  readonly cluster: ClusterPicture | undefined;
  /** Newest first. */
  readonly events: readonly NumberedEvent[];
  /** To be compared with the next one. */
  readonly endpoints: ReadonlyMap<string, EndpointStats>;
}

/** How many samples the charts show: two minutes. */
export const SAMPLES = 120;

/** The span of the charts over them, in milliseconds. */
export const SPAN_MS = SAMPLES * 1_000;
export const HOUR_MS = 3_600_000;

/** The distance of the samples of an hour, as the hub keeps them. */
const PAST_PERIOD_MS = 15_000;

const EVENTS = 200;
const NONE: Tally = { messages: 0, bytes: 0 };

/** The picture after a report, from the one before it. */
export function advance(before: Picture | undefined, report: StatsReport, self: string): Picture {
  if (before !== undefined && report.status !== 'live') return { ...before, status: report.status };
  const { name: hub, at, endpoints: list, connections } = report.stats;
  // A hub of another name, or one that was started again, has nothing to do with the picture before.
  const last = before?.hub === hub && before.at < at ? before : undefined;
  const seconds = last === undefined ? 0 : (at - last.at) / 1_000;
  // One that was left out before has no rate yet; one that was not is new.
  const wasWhole = last === undefined || last.endpoints.size === last.totals.endpoints + last.totals.watchers;
  const rateOf = (now: Tally, then: Tally | undefined): Rate =>
    then === undefined && !wasWhole ? NONE : perSecond(now, then, seconds);
  const rows = list.map((endpoint): Row => {
    const { name, state, replica, queued, undelivered, unknown } = endpoint;
    const then = last?.endpoints.get(name);
    const shown = last && [...last.rows, ...last.watchers].find((row) => row.name === name);
    const received = rateOf(endpoint.received, then?.received);
    const sent = rateOf(endpoint.sent, then?.sent);
    return {
      name,
      state,
      replica,
      isSelf: name === self,
      isWatcher: endpoint.isWatcher === true,
      ...placeOf(
        connections.find(({ endpointName }) => endpointName === name),
        shown,
      ),
      received,
      sent,
      receivedInAll: endpoint.received,
      sentInAll: endpoint.sent,
      queued,
      lost: plus(undelivered, unknown),
      samples: [...(shown?.samples ?? []), { at, received, sent }].slice(-SAMPLES),
    };
  });
  const { totals } = report;
  const past = nextPast(report.history ?? last?.past ?? [], { at, ...totals });
  const sample = {
    at,
    received: rateOf(totals.received, last?.totals.received),
    sent: rateOf(totals.sent, last?.totals.sent),
  };
  return {
    hub,
    status: report.status,
    at,
    rows: rows.filter(({ isWatcher }) => !isWatcher).sort(byStateAndName),
    watchers: rows.filter(({ isWatcher }) => isWatcher).sort(byStateAndName),
    totals,
    samples: [...(last?.samples ?? ratesOf(past).filter((each) => each.at > at - SPAN_MS)), sample].slice(
      -SAMPLES,
    ),
    past,
    listeners: [...new Set([...(last?.listeners ?? []), ...report.events.flatMap(({ url }) => url ?? [])])],
    cluster: advanceCluster(last?.cluster, report.stats.cluster, at),
    events: newestFirst(last?.events ?? [], report.events),
    endpoints: new Map(list.map((endpoint) => [endpoint.name, endpoint])),
  };
}

/** The rates between samples of the hour. */
export function ratesOf(past: readonly HistorySample[]): readonly Sample[] {
  return past.slice(1).map(({ at, received, sent }, index) => {
    const before = past[index];
    const seconds = before === undefined ? 0 : (at - before.at) / 1_000;
    return {
      at,
      received: perSecond(received, before?.received, seconds),
      sent: perSecond(sent, before?.sent, seconds),
    };
  });
}

/** Goes on with the hour where the hub left off. */
function nextPast(past: readonly HistorySample[], now: HistorySample): readonly HistorySample[] {
  const newest = past.at(-1)?.at ?? 0;
  const { at, ready, received, sent } = now;
  const next = at - newest < PAST_PERIOD_MS ? past : [...past, { at, ready, received, sent }];
  return next.filter((each) => each.at >= at - HOUR_MS);
}

/** The sum of two tallies. */
export function plus(one: Tally, other: Tally): Tally {
  return { messages: one.messages + other.messages, bytes: one.bytes + other.bytes };
}

type Place = Pick<Row, 'transport' | 'address' | 'tls'>;

/** Where an endpoint is; for one that has gone, where it was. */
function placeOf(connection: ConnectionStats | undefined, shown: Row | undefined): Place {
  if (connection !== undefined) {
    return { transport: connection.scheme, address: connection.peerAddr, tls: connection.tls };
  }
  return { transport: shown?.transport ?? '', address: shown?.address ?? '', tls: shown?.tls };
}

/** Counts begin anew when a hub does. */
function perSecond(now: Tally, then: Tally | undefined, seconds: number): Rate {
  if (seconds <= 0) return NONE;
  const { messages, bytes } = then ?? NONE;
  return {
    messages: Math.max(0, now.messages - messages) / seconds,
    bytes: Math.max(0, now.bytes - bytes) / seconds,
  };
}

/** READY first, then by name. */
export function byStateAndName(a: Row, b: Row): number {
  const rank = ({ state, isSelf }: Row): number => (isSelf ? 0 : state === EndpointState.READY ? 1 : 2);
  return rank(a) - rank(b) || a.name.localeCompare(b.name, 'en', { numeric: true });
}

function newestFirst(known: readonly NumberedEvent[], events: readonly ReportedEvent[]): NumberedEvent[] {
  const next = (known[0]?.number ?? 0) + 1;
  const numbered = events.map((event, index) => ({ ...event, number: next + index }));
  return [...numbered.reverse(), ...known].slice(0, EVENTS);
}
