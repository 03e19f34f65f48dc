import { median } from '../../bench/statistics.js';
import { heapGrowth, list, ms, percent, renderRows } from '../report.js';
import type { ClusterSoakResult } from './cluster-soak.js';

const MIB = 1024 ** 2;
/** Of a replica that has just started, the first look is early: fewer say nothing. */
const LOOKS = 4;
const MAX_HEAP_GROWTH = 0.3;
const MAX_NATS_BYTES = 256 * MIB;

/** Everything that must not be, in words; empty where all went well. */
export function failures(
  { violations, handles, heapBytes, natsBytes }: ClusterSoakResult,
  maxHeapGrowth = MAX_HEAP_GROWTH,
): readonly string[] {
  const grown = longLived(heapBytes).filter(([, bytes]) => !(heapGrowth(bytes) < maxHeapGrowth));
  return [
    ...violations,
    ...handles.map((handle) => `left open: ${handle}`),
    ...grown.map(([name, bytes]) => `the heap of ${name} grew by ${percent(heapGrowth(bytes))}`),
    ...(natsBytes > MAX_NATS_BYTES ? [`NATS took ${mib(natsBytes)} MiB of memory`] : []),
  ];
}

/** The figures as text. */
export function renderReport(result: ClusterSoakResult, violations = failures(result)): string {
  const { seed, account, faults, skipped, agreedMs, heardMs, overtaken, heapBytes, natsBytes } = result;
  const { sent, delivered, refused, dropped, inFlight, requests } = account;
  return [
    ...renderRows([
      ['seed', `${seed}`],
      ['faults', list(faults)],
      ...skipped.map((line): readonly [string, string] => ['skipped', line]),
      ['all replicas agree', `median ${ms(median(agreedMs))}, max ${ms(Math.max(...agreedMs))}`],
      ['and all hear all', `median ${ms(median(heardMs))}, max ${ms(Math.max(...heardMs))}`],
      ['messages', `sent ${sent}, delivered ${delivered}, overtaken ${overtaken}`],
      ['refused by send', list(refused)],
      [
        'lost',
        `${dropped} told as dropped, ${inFlight} in flight on connections that ended, or with a replica`,
      ],
      ['requests', `asked ${requests.asked}, handled ${requests.handled}; ends: ${list(requests.ended)}`],
      ...longLived(heapBytes).map(([name, all]): readonly [string, string] => [
        `heap of ${name}`,
        `${all.map(mib).join(', ')} MiB (${percent(heapGrowth(all))})`,
      ]),
      ['memory of NATS', `${mib(natsBytes)} MiB`],
      ['violations', `${violations.length}`],
    ]),
    ...violations,
    ...(violations.length === 0 ? [] : [`to repeat: npm run soak -- --cluster --seed ${seed}`]),
  ].join('\n');
}

function longLived(heapBytes: ClusterSoakResult['heapBytes']): readonly [string, readonly number[]][] {
  return Object.entries(heapBytes)
    .filter(([, looks]) => looks.length > LOOKS)
    .map(([name, looks]) => [name, looks.slice(1)]);
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}
