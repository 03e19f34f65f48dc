import type { Row } from '../main.js';
import type { MemoryRow } from '../memory/main.js';
import { renderReport, transportsOf } from '../report.js';
import type { ScaleReport } from '../scale/main.js';

/** Everything that `docs/benchmarks.md` shows, as it was measured. */
export interface Results {
  readonly machine: string;
  readonly throughput: readonly Row[];
  readonly scale: ScaleReport;
  readonly memory: readonly MemoryRow[];
}

/** The page, made of the results alone. */
export function renderPage({ machine, throughput, scale, memory }: Results): string {
  const charts = transportsOf(throughput)
    .map((transport) => `![${transport}: each figure as a bar](images/benchmark-${transport}.svg)`)
    .join('\n\n');
  return `# Benchmarks

This page is made by \`npm run bench:docs\`, which runs all three benchmarks and renders what they measured. Measured on: ${machine}.

## How it is measured

\`npm run bench\` starts each system as two processes that talk over the loopback address, and compares them in one run: each measurement is repeated with five fresh starts of every system, one system after the other in changing order, and the table shows the median. Every message has the same 16-byte prefix and four headers before its payload. The others encode those once and do not read them, while rxflare and NVFlare encode and decode them for each message as their users do. Each process keeps to a core of its own: by where the scheduler puts the two ends, the same pair takes 15 or 65 µs for an echo. In brackets: how many times better rxflare is; below, what part of the limit, bulk, each figure is.

- **rxflare**: a Communicator on each side, headers read on receipt, \`send\` until it says false, then \`drained\`.
- **rxflare, borrowing**: the receiver [borrows](cookbook.md#receive-large-messages-fast) its payloads.
- **rxflare, tuned**: the same with [Node told to keep its memory](#large-messages).
- **node:net**: the same framing on a bare socket, one corked write for each frame.
- **ws**, **grpc-js**, **zeromq**: those libraries alone, one frame a message.
- **NVFlare 2.9.0**: its communicator, Python to Python. Its WebSocket client takes no frame of 4 MiB or more.
- **rxflare to NVFlare**: rxflare sends, NVFlare receives.
- **bulk**: \`node:net\` or \`node:tls\` that writes in corked batches and counts the bytes that arrive: the limit.

On stcp, https and grpcs both sides show a certificate.

Cells, in the table of that name, ask with 100 bytes and get them back: one request at a time (echo), or 100 at a time (pipelined). A stream is of 512 MB in chunks of 1 MiB, and over when its receiver has consumed it.

- **rxflare**, **NVFlare 2.9.0**: cells that are connected. NVFlare pipelines by four threads, which is its best.
- **rxflare, borrowing**: the receiver of a stream [borrows](cookbook.md#receive-large-messages-fast) its chunks.
- **relayed**: the same by way of a third cell, as a process of its own, which is kept to no core.
- **rxflare Communicator**: what cells are made of, with four headers on each message.
- **nats.js**: \`@nats-io/transport-node\` with a nats-server between the two, which is kept to no core. A stream is 16 requests of a chunk at a time.

Figures differ from run to run on a shared machine. From 10 kB on the work on memory dominates, and where memory comes to lie makes one start of the same system move 0.9 and another 2.7 GB/s. Look at ratios, and do not trust those near 1.

${renderReport(throughput)}

${charts}

## Large messages

A large frame on TCP is read straight into its own memory, so what is left is the memory itself. Two things cost more there than the copying. The C library gives freed memory back to the system and takes it again page by page. And V8 looks through the whole heap for each 30 MB or so of new buffers, as long as the heap is a small one, as that of a gateway is. On Linux, both can be told to keep what they have, for up to 256 MB more: \`MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=268435456 node --initial-old-space-size=128\`. That is the column "rxflare, tuned"; Node 22 gains as much, Node 24 about a quarter.

## Scale

\`npm run bench:scale -- --endpoints ${scale.endpoints}\`: that many sites, in four processes, join one hub over TCP, idle for more than one heartbeat interval, get a broadcast, send, and leave. Memory and CPU are those of the hub's process.

${renderScale(scale)}

## Memory

\`npm run bench:memory\`. Slow reader: a site sends 1 MB messages, each in memory of its own, with \`sendAll\` to a hub that takes one a second for ten seconds and then speeds up. Slow receiver: a site sends 100 kB messages to a receiver that takes 10 ms for each, while another site measures its round trip to the same hub.

${renderMemory(memory)}
`;
}

function renderScale(scale: ScaleReport): string {
  const lines: [string, string][] = [
    ['all joined after', `${scale.joinSeconds.toFixed(1)} s`],
    ['joins per second, first quarter', whole(scale.joinsPerSecondFirstQuarter)],
    ['joins per second, last quarter', whole(scale.joinsPerSecondLastQuarter)],
    ['memory per endpoint', `${(scale.rssBytesPerEndpoint / 1e3).toFixed(1)} kB`],
    ['CPU while idle, heartbeats on', `${scale.idleCpuPercent.toFixed(2)} % of a core`],
    ['broadcast', `${whole(scale.broadcastMessagesPerSecond)} messages/s`],
    ['all send one message', `${whole(scale.sendMessagesPerSecond)} messages/s`],
    ['all left after', `${scale.leaveSeconds.toFixed(1)} s`],
  ];
  return table([['', `${whole(scale.endpoints)} endpoints`], ...lines]);
}

function renderMemory(rows: readonly MemoryRow[]): string {
  return table([
    [
      '',
      'messages',
      'out of order',
      'sent in',
      'sender, peak RSS',
      'hub, peak RSS',
      'round trip of the other site',
    ],
    ...rows.map((row) => [
      `${row.transport}, slow ${row.slow}`,
      `${whole(row.messages)} (${whole(row.megabytes)} MB)`,
      String(row.outOfOrder),
      `${row.seconds.toFixed(1)} s`,
      `${whole(row.senderPeakRssMegabytes)} MB`,
      `${whole(row.hubPeakRssMegabytes)} MB`,
      row.echoP50Milliseconds === null
        ? ''
        : `${row.echoP50Milliseconds.map((ms) => ms.toFixed(2)).join(' ms alone, ')} ms meanwhile`,
    ]),
  ]);
}

function table([header = [], ...lines]: readonly (readonly string[])[]): string {
  return [header, header.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}
