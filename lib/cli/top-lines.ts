import { EndpointState } from '../endpoint.js';
import type { ReportedEvent } from '../monitor/reported-event.js';
import type { StatsReport, StatsStatus } from '../monitor/stats-report.js';
import { lostOf } from '../monitor/stats-totals.js';
import type { StatsTotals } from '../monitor/stats-totals.js';
import type { CommunicatorStats, EndpointStats, Tally } from '../stats.js';
import { clusterLines, clusterSummary } from './cluster-lines.js';
import { bytes, count } from './figures.js';
import { cut, printable } from './printable.js';
import type { ScreenSize } from './screen.js';
import { type Column, styled, tableLines } from './table-lines.js';

/** What the screen of `rxflare top` shows. */
export interface TopView {
  readonly stats: CommunicatorStats;
  readonly totals: StatsTotals;
  /** The last but one report, from which rates are calculated. */
  readonly before: Pick<StatsReport, 'stats' | 'totals'> | undefined;
  /** The oldest first. */
  readonly events: readonly ReportedEvent[];
  readonly status: StatsStatus;
}

const COLUMNS: readonly Column<EndpointStats, TopView>[] = [
  { title: 'ENDPOINT', align: 'left', rank: 0, cell: ({ name }) => name },
  {
    title: 'STATE',
    align: 'left',
    rank: 1,
    cell: ({ state, isWatcher }) => (isWatcher === true && state === EndpointState.READY ? 'WATCHER' : state),
  },
  {
    title: 'REPLICA',
    align: 'left',
    rank: 7,
    cell: ({ replica }, { stats }) => replica ?? stats.cluster?.replica ?? '-',
  },
  {
    title: 'VIA',
    align: 'left',
    rank: 6,
    cell: (endpoint, view) => connectionOf(endpoint, view)?.scheme ?? '-',
  },
  {
    title: 'ADDRESS',
    align: 'left',
    rank: 8,
    cell: (endpoint, view) => connectionOf(endpoint, view)?.peerAddr ?? '-',
  },
  {
    title: 'TLS',
    align: 'left',
    rank: 9,
    cell: (endpoint, view) => connectionOf(endpoint, view)?.tls ?? '-',
  },
  {
    title: 'IN msg/s',
    align: 'right',
    rank: 2,
    cell: (endpoint, view) => count(rate(endpoint, view, 'received').messages),
  },
  {
    title: 'IN B/s',
    align: 'right',
    rank: 4,
    cell: (endpoint, view) => bytes(rate(endpoint, view, 'received').bytes),
  },
  {
    title: 'OUT msg/s',
    align: 'right',
    rank: 3,
    cell: (endpoint, view) => count(rate(endpoint, view, 'sent').messages),
  },
  {
    title: 'OUT B/s',
    align: 'right',
    rank: 5,
    cell: (endpoint, view) => bytes(rate(endpoint, view, 'sent').bytes),
  },
  { title: 'QUEUED', align: 'right', rank: 7, cell: ({ queued }) => count(queued.messages) },
  {
    title: 'LOST',
    align: 'right',
    rank: 7,
    cell: (endpoint) => count(lostOf(endpoint).messages),
  },
];

const STATUS: Readonly<Record<StatsStatus, string>> = {
  live: 'connected',
  silent: 'silent, though it is connected; this is the last report',
  away: 'not connected, trying again; this is the last report',
  ended: 'has ended its service, asking again; this is the last report',
};

const MIN_EVENTS = 3;

/** The part of the screen that the replicas may take. */
const CLUSTER_PART = 1 / 3;

/** The lines of one screen: at most as many as it has rows, none wider than its columns. */
export function renderTop(view: TopView, { columns: width, rows: height }: ScreenSize): string[] {
  const { stats, totals, events, status } = view;
  const title = `${printable(stats.name)}  ${clock(stats.at)}  ${STATUS[status]}`;
  const { cluster } = stats;
  const above =
    cluster === undefined
      ? []
      : [...clusterLines(cluster, width, Math.max(3, Math.floor(height * CLUSTER_PART))), ''];
  const rows = renderTable(view, width, Math.max(2, height - 4 - MIN_EVENTS - above.length));
  const shown = rows.length - 1;
  const rest = shown < totals.endpoints + totals.watchers ? `; the busiest ${shown}:` : '';
  const known = `${totals.ready} of ${totals.endpoints} endpoints ready, ${totals.watchers} watchers, ${totals.connections} connections${rest}`;
  const lines = [styled('bold', cut(title, width)), cut(known, width), '', ...above, ...rows, ''];
  const room = Math.max(0, height - lines.length);
  return [
    ...lines,
    ...events.slice(-room || events.length).map((event) => cut(eventLine(event), width)),
  ].slice(0, height);
}

/** A report as text without a screen: one line for each event, and one for the totals. */
export function summarize({ status, stats, totals, events }: StatsReport): string[] {
  if (status !== 'live') return [`${clock(stats.at)} ${printable(stats.name)}: ${STATUS[status]}`];
  const text = (tally: Tally): string => `${tally.messages} (${bytes(tally.bytes)})`;
  const traffic = `received ${text(totals.received)}, sent ${text(totals.sent)}`;
  const trouble = `queued ${text(totals.queued)}, lost ${text(lostOf(totals))}`;
  const head = `${clock(stats.at)} ${printable(stats.name)}: ${totals.ready} of ${totals.endpoints} endpoints ready`;
  const cluster = stats.cluster === undefined ? '' : `, cluster ${clusterSummary(stats.cluster)}`;
  return [...events.map(eventLine), `${head}, ${traffic}, ${trouble}${cluster}`];
}

function renderTable(view: TopView, width: number, height: number): readonly string[] {
  const endpoints = busiest(view, height - 1).sort(byStateAndName);
  const isAlone = view.stats.cluster === undefined;
  const columns = isAlone ? COLUMNS.filter(({ title }) => title !== 'REPLICA') : COLUMNS;
  return tableLines(columns, endpoints, view, width);
}

function connectionOf({ name }: EndpointStats, { stats }: TopView) {
  return stats.connections.find(({ endpointName }) => endpointName === name);
}

/** A restarted hub counts from 0, so a rate is at least 0. An endpoint that the last report left out has no rate yet. */
function rate(endpoint: EndpointStats, { stats, before }: TopView, direction: 'received' | 'sent'): Tally {
  const seconds = before === undefined ? 0 : (stats.at - before.stats.at) / 1_000;
  const then = before?.stats.endpoints.find(({ name }) => name === endpoint.name)?.[direction];
  const all = before && before.totals.endpoints + before.totals.watchers;
  const wasLeftOut = then === undefined && before?.stats.endpoints.length !== all;
  if (seconds <= 0 || wasLeftOut) return { messages: 0, bytes: 0 };
  const now = endpoint[direction];
  return {
    messages: Math.max(0, now.messages - (then?.messages ?? 0)) / seconds,
    bytes: Math.max(0, now.bytes - (then?.bytes ?? 0)) / seconds,
  };
}

/** The busiest endpoints, at most `room` of them, in a new array. */
function busiest(view: TopView, room: number): EndpointStats[] {
  const { endpoints } = view.stats;
  if (endpoints.length <= room) return [...endpoints];
  const bytesOf = (endpoint: EndpointStats): number =>
    rate(endpoint, view, 'received').bytes + rate(endpoint, view, 'sent').bytes;
  return endpoints
    .map((endpoint) => ({ endpoint, bytes: bytesOf(endpoint) }))
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, room)
    .map(({ endpoint }) => endpoint);
}

function byStateAndName(a: EndpointStats, b: EndpointStats): number {
  const rank = ({ state, isWatcher }: EndpointStats): number =>
    isWatcher === true ? 2 : state === EndpointState.READY ? 0 : 1;
  return rank(a) - rank(b) || a.name.localeCompare(b.name, 'en', { numeric: true });
}

function eventLine({ at, text }: ReportedEvent): string {
  return `${clock(at)} ${printable(text)}`;
}

function clock(at: number): string {
  return new Date(at).toTimeString().slice(0, 8);
}
