import { type ConnectionStats, EndpointState, type EndpointStats, type Tally } from 'rxflare';
import type { ReportedEvent, StatsReport, StatsStatus, StatsTotals } from 'rxflare/monitor';

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
  /** This very page. */
  readonly isSelf: boolean;
  readonly transport: string;
  readonly address: string;
  /** The TLS version; `undefined` in the clear. */
  readonly tls: string | undefined;
  readonly received: Rate;
  readonly sent: Rate;
  readonly queued: Tally;
  readonly lost: Tally;
}

/** An event with a number of its own, for `@for`. */
export interface NumberedEvent extends ReportedEvent {
  readonly number: number;
}

/** What went through and what was lost, and how many endpoints there are. */
export type Totals = Omit<StatsTotals, 'connections' | 'undelivered' | 'unknown'> & { readonly lost: Tally };

/** The hub at one moment, and what led there. */
export interface Picture {
  readonly hub: string;
  /** Anything but `live` says that it is old, and why. */
  readonly status: StatsStatus;
  readonly at: number;
  /** Of many endpoints the busiest. */
  readonly rows: readonly Row[];
  /** Of all but this page. */
  readonly totals: Totals;
  /** One for each report, oldest first, at most {@link SAMPLES}. */
  readonly samples: readonly Sample[];
  /** Newest first. */
  readonly events: readonly NumberedEvent[];
  /** To be compared with the next one. */
  readonly endpoints: ReadonlyMap<string, EndpointStats>;
}

/** How many samples the charts show: two minutes. */
export const SAMPLES = 120;

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
  const wasWhole = last === undefined || last.endpoints.size === last.totals.endpoints + 1;
  const rateOf = (now: Tally, then: Tally | undefined): Rate =>
    then === undefined && !wasWhole ? NONE : perSecond(now, then, seconds);
  const rows = list.map((endpoint): Row => {
    const { name, state, queued, undelivered, unknown } = endpoint;
    const then = last?.endpoints.get(name);
    const shown = last?.rows.find((row) => row.name === name);
    return {
      name,
      state,
      isSelf: name === self,
      ...placeOf(
        connections.find(({ endpointName }) => endpointName === name),
        shown,
      ),
      received: rateOf(endpoint.received, then?.received),
      sent: rateOf(endpoint.sent, then?.sent),
      queued,
      lost: plus(undelivered, unknown),
    };
  });
  const totals = totalsOfOthers(report, self);
  const sample = {
    at,
    received: rateOf(totals.received, last?.totals.received),
    sent: rateOf(totals.sent, last?.totals.sent),
  };
  return {
    hub,
    status: report.status,
    at,
    rows: rows.sort(byStateAndName),
    totals,
    samples: [...(last?.samples ?? []), sample].slice(-SAMPLES),
    events: newestFirst(last?.events ?? [], report.events),
    endpoints: new Map(list.map((endpoint) => [endpoint.name, endpoint])),
  };
}

/** This page takes part in what it shows; it is no news. */
function totalsOfOthers({ totals, stats }: StatsReport, self: string): Totals {
  const page = stats.endpoints.find(({ name }) => name === self);
  return {
    endpoints: totals.endpoints - 1,
    ready: totals.ready - 1,
    received: without(totals.received, page?.received),
    sent: without(totals.sent, page?.sent),
    queued: without(totals.queued, page?.queued),
    lost: without(plus(totals.undelivered, totals.unknown), page && plus(page.undelivered, page.unknown)),
  };
}

function plus(one: Tally, other: Tally): Tally {
  return { messages: one.messages + other.messages, bytes: one.bytes + other.bytes };
}

function without({ messages, bytes }: Tally, part: Tally = NONE): Tally {
  return { messages: messages - part.messages, bytes: bytes - part.bytes };
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

function byStateAndName(a: Row, b: Row): number {
  const rank = ({ state, isSelf }: Row): number => (isSelf ? 1 : state === EndpointState.READY ? 0 : 2);
  return rank(a) - rank(b) || a.name.localeCompare(b.name, 'en', { numeric: true });
}

function newestFirst(known: readonly NumberedEvent[], events: readonly ReportedEvent[]): NumberedEvent[] {
  const next = (known[0]?.number ?? 0) + 1;
  const numbered = events.map((event, index) => ({ ...event, number: next + index }));
  return [...numbered.reverse(), ...known].slice(0, EVENTS);
}
