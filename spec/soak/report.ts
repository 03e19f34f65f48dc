import { median } from '../bench/statistics.js';
import type { SoakResult } from './soak.js';

/** The heap of the hub, and that of the relay, may grow by this part after their warm-up. */
const MAX_HEAP_GROWTH = 0.03;
const MIB = 1024 ** 2;

/** The part by which the heap grew, from its first look to its last. */
export function heapGrowth(heapBytes: readonly number[]): number {
  const [first = 0] = heapBytes;
  return ((heapBytes.at(-1) ?? first) - first) / first;
}

/** Everything that must not be, in words; empty where all went well. */
export function failures(result: SoakResult, maxHeapGrowth = MAX_HEAP_GROWTH): readonly string[] {
  const grown = Object.entries(result.heapBytes).filter(([, bytes]) => !(heapGrowth(bytes) < maxHeapGrowth));
  return [
    ...result.violations,
    ...result.handles.map((handle) => `left open: ${handle}`),
    ...(result.lost === result.restored
      ? []
      : [`lost ${result.lost} connections, restored ${result.restored}`]),
    ...grown.map(([name, bytes]) => `the heap of ${name} grew by ${percent(heapGrowth(bytes))}`),
  ];
}

/** The figures as text. */
export function renderReport(result: SoakResult): string {
  const { account, trials, lost, restored, endings, readyMs, detectionMs, lateSigns, heapBytes, handles } =
    result;
  const { sent, delivered, refused, dropped, inFlight, requests } = account;
  const violations = failures(result);
  const rows: readonly (readonly [string, string])[] = [
    ['trials', list(trials)],
    ['connections', `lost ${lost}, restored ${restored}; ends seen by both sides: ${list(endings)}`],
    ['READY again', `median ${ms(median(readyMs))}, max ${ms(Math.max(...readyMs))}`],
    [
      'silence noticed',
      `median ${ms(median(detectionMs))}, max ${ms(Math.max(...detectionMs))}; ${lateSigns} times of ${detectionMs.length} a write was still taken`,
    ],
    ['messages', `sent ${sent}, delivered ${delivered}`],
    ['refused by send', list(refused)],
    ['lost with their connection', `${dropped} told as dropped, ${inFlight} in flight`],
    ['requests', `asked ${requests.asked}, handled ${requests.handled}; ends: ${list(requests.ended)}`],
    [
      '',
      `${requests.lost} open in killed processes; none later than ${ms(requests.latestMs)} after its time-out`,
    ],
    ...Object.entries(heapBytes).map(([name, all]): readonly [string, string] => [
      `heap of ${name}`,
      `${all.map((bytes) => (bytes / MIB).toFixed(2)).join(', ')} MiB (${percent(heapGrowth(all))})`,
    ]),
    ['handles left', `${handles.length}`],
    ['violations', `${violations.length}`],
  ];
  return [...renderRows(rows), ...violations].join('\n');
}

/** Rows of a name and a text each, below one another. */
export function renderRows(rows: readonly (readonly [name: string, text: string])[]): readonly string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `${name.padEnd(width)}  ${text}`);
}

/** Counts of things, as text. */
export function list(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

/** Milliseconds, as text. */
export function ms(figure: number): string {
  return `${Math.round(figure)} ms`;
}

/** A part of one, as text. */
export function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}
