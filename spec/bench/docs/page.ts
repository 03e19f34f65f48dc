import type { AllocationRow } from '../allocation/main.js';
import type { BrowserRow } from '../browser/row.js';
import type { Row } from '../main.js';
import type { MemoryRow } from '../memory/main.js';
import { describeBytes, describeRate, renderReport, transportsOf } from '../report.js';
import type { ClusterScaleReport, ScaleReport } from '../scale/report.js';

/** Everything that `docs/benchmarks.md` shows, as it was measured. */
export interface Results {
  readonly machine: string;
  readonly throughput: readonly Row[];
  /** Some figures are not measured on every transport. */
  readonly scale: readonly Partial<ScaleReport>[];
  /** Of hubs that have several replicas. */
  readonly cluster: readonly ClusterScaleReport[];
  /** What a page moves. */
  readonly browser: readonly BrowserRow[];
  readonly memory: readonly MemoryRow[];
  /** What a message allocates. */
  readonly allocation: readonly AllocationRow[];
}

/** The tables of throughput that are about several replicas. */
const OF_REPLICAS = ['hop', 'replica'];

/** The page, made of the results alone. */
export function renderPage(results: Results): string {
  const { machine, scale, memory, browser, allocation } = results;
  const throughput = results.throughput.filter(({ transport }) => !OF_REPLICAS.includes(transport));
  return `# Benchmarks

This page is made by \`npm run bench:docs\`, which runs all five benchmarks and renders what they measured. Measured on: ${machine}.

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

${renderCharts(throughput)}

## Where the time goes

By profiles of both sides under \`--cpu-prof\`, in words. They are of one run on a busy machine, so the sizes are rough.

- **A small message out**: the largest part is the system's write, a sixth, though hundreds of messages share one; then to find the endpoint and check the arguments, to copy into the slab that is written, and to encode prefix and headers, about a tenth each.
- **A small message in**: collections and the decoding of headers, a sixth each; then what the session does with a message, to make it, and to cut frames, about a tenth each.
- **http** adds that one side masks and the other unmasks (RFC 6455), four bytes at a time: 0.1 µs for a message of 100 bytes. \`ws\` reads only what is large, cut or rare.
- **A large message**: memory, see below.
- **TLS**: the receiving side has a core to itself and needs all of it. Nearly three quarters are in Node's TLS, outside of JavaScript: to decrypt, and to copy what was decrypted. The rest is memory for frames, collections among it. The sending side is at half to three quarters of a core, most of it in the write, which encrypts.
- **A message to each of 10,000 endpoints**: half of its 15 to 25 µs is the system's write to a socket of its own, which nothing shares. The rest is spread over all that one message needs, with caches that are cold for each endpoint.
- **A request of a cell**, 15 µs of CPU on each side: a fifth to a quarter is writes, a tenth collections, and no function has more than 8 %.

What one message of 100 bytes with four headers allocates, in bytes that are collected later. The memory that its bytes are in is shared by many and not counted.

${renderAllocation(allocation)}

## Large messages

A large frame on TCP is read straight into its own memory, so what is left is the memory itself. Two things cost more there than the copying. The C library gives freed memory back to the system and takes it again page by page. And V8 looks through the whole heap for each 30 MB or so of new buffers, as long as the heap is a small one, as that of a gateway is. On Linux, both can be told to keep what they have, for up to 256 MB more: \`MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=268435456 node --initial-old-space-size=128\`. That is the column "rxflare, tuned"; Node 22 gains as much, Node 24 about a quarter.

## Scale

\`npm run bench:scale -- --transport tcp --endpoints 10000\`: that many sites, in four processes, join one hub, idle for more than one heartbeat interval, get a broadcast, send, come back after the hub has closed all connections and listens again, and leave. Memory and CPU are those of the hub's process.

- **tcp**: a socket for each endpoint.
- **stcp**: the same with mutual TLS.
- **mux**: for the benchmark alone, many connections on eight sockets, since a process may not have as many open files. The figures are those of the hub without what a socket of its own takes for each endpoint. All leave when their processes end.
- **bare sockets**: as many bare sockets, or on mux as many connections on as many sockets, that get the same frames from a hub that only writes them.

${renderScale(scale)}
${renderReplicas(results)}
## Memory

\`npm run bench:memory\`. Slow reader: a site sends 1 MB messages, each in memory of its own, with \`sendAll\` to a hub that takes one a second for ten seconds and then speeds up. Slow receiver: a site sends 100 kB messages to a receiver that takes 10 ms for each, while another site measures its round trip to the same hub.

${renderMemory(memory)}
${browser.length === 0 ? '' : renderInAPage(browser)}`;
}

function renderCharts(rows: readonly Row[]): string {
  return transportsOf(rows)
    .map((transport) => `![${transport}: each figure as a bar](images/benchmark-${transport}.svg)`)
    .join('\n\n');
}

function renderReplicas({ throughput, cluster }: Pick<Results, 'throughput' | 'cluster'>): string {
  const rows = throughput.filter(({ transport }) => OF_REPLICAS.includes(transport));
  if (rows.length + cluster.length === 0) return '';
  return `
## Replicas

A [hub of several replicas](cluster.md) on one machine, with one nats-server, which shares the cores with all others.

${rows.length === 0 ? '' : `${renderHop(rows)}\n`}
${cluster.length === 0 ? '' : renderClusterScale(cluster)}
`;
}

function renderHop(rows: readonly Row[]): string {
  return `\`npm run bench -- --only hop,replica\`. Hop: the application at one replica sends to a site at another one, whose answer comes back the same way. The two replicas keep to a core each, and all others go where they find room; so what is measured is the work of all of them together, and four processes share what three have under nats.js. Five times as many messages as are measured go before them, of every system: many processes get warm slowly.

- **rxflare**: two replicas, nats-server, and the site in a process of its own. It answers to every replica, by the option \`deliver\`.
- **nats.js**: two clients of one nats-server, with no replicas and no site: what a hop takes at least. Windows of 4 MiB are answered, since NATS drops a client that is far behind.
- **socket.io**: two servers of version 4 with the Redis adapter, Valkey, and a client of socket.io on a WebSocket alone in a process of its own. It has no back pressure, so windows of 1 MiB are answered, by acknowledgements of socket.io.

Replica: a site sends to the hub that it is connected to. That is a replica, or, **no cluster**, a hub of one process.

${renderReport(rows)}

${renderCharts(rows)}`;
}

function renderClusterScale(reports: readonly ClusterScaleReport[]): string {
  const line = (name: string, describe: (report: ClusterScaleReport) => string): string[] => [
    name,
    ...reports.map(describe),
  ];
  const lines = table([
    line('', ({ transport, endpoints, replicas }) => `${transport}, ${whole(endpoints)} at ${replicas}`),
    line('all joined after', ({ joinSeconds }) => `${tenths(joinSeconds)} s`),
    line('joins per second', ({ joinsPerSecond }) => whole(joinsPerSecond)),
    line('memory per endpoint, all replicas', (report) => kilobytes(report.rssBytesPerEndpoint)),
    line('of that, heap', (report) => kilobytes(report.heapBytesPerEndpoint)),
    line('memory per endpoint, nats-server', (report) => kilobytes(report.natsRssBytesPerEndpoint)),
    line('broadcast of one replica', (report) => `${whole(report.broadcastMessagesPerSecond)} messages/s`),
    line('CPU of a message, all replicas', (report) => `${tenths(report.broadcastCpuMicroseconds)} µs`),
    line('each replica sends to its share', (report) => `${whole(report.sendMessagesPerSecond)} messages/s`),
    line('CPU of a message, all replicas', (report) => `${tenths(report.sendCpuMicroseconds)} µs`),
    line('endpoints of the replica that dies', ({ movedEndpoints }) => whole(movedEndpoints)),
    line('all READY everywhere after', ({ healSeconds }) => `${tenths(healSeconds)} s`),
    line(
      'of that, until it is missed, about',
      ({ replicaTimeoutMs }) => `${tenths(replicaTimeoutMs / 1_000)} s`,
    ),
  ]);
  return `\`npm run bench:scale -- --replicas 4 --endpoints 20000 --replica-timeout-ms 5000\`, and with 100,000 and the default of that benchmark, 10 s: that many sites, in four processes, join the replicas through a stand-in of a load balancer, which takes the next replica each time. One replica sends to each endpoint; then each replica to its share of them. Then one is killed, and its sites come in at the others. All of that is on the same cores: sites, replicas and nats-server. With 100,000 endpoints the collections of nine processes with large heaps stop each of them for seconds, and a broadcast takes between 0.7 and 9 s.

${lines}`;
}

function renderScale(reports: readonly Partial<ScaleReport>[]): string {
  const line = (name: string, describe: (report: Partial<ScaleReport>) => string): string[] => [
    name,
    ...reports.map(describe),
  ];
  return table([
    line('', ({ transport = 'tcp', endpoints }) => `${transport}, ${figure(endpoints, whole, ' endpoints')}`),
    line('all joined after', ({ joinSeconds }) => figure(joinSeconds, tenths, ' s')),
    line('joins per second, first quarter', (report) => figure(report.joinsPerSecondFirstQuarter, whole)),
    line('joins per second, last quarter', (report) => figure(report.joinsPerSecondLastQuarter, whole)),
    line('memory per endpoint', (report) => figure(report.rssBytesPerEndpoint, kilobytes)),
    line('of that, heap', (report) => figure(report.heapBytesPerEndpoint, kilobytes)),
    line('CPU while idle, heartbeats on', (report) =>
      figure(report.idleCpuPercent, (percent) => percent.toFixed(2), ' % of a core'),
    ),
    line('broadcast', (report) => figure(report.broadcastMessagesPerSecond, whole, ' messages/s')),
    line('broadcast of bare sockets', describeBareSockets),
    line('CPU of a message, rxflare', (report) => figure(report.broadcastCpuMicroseconds, tenths, ' µs')),
    line('CPU of a message, bare sockets', (report) =>
      figure(report.bareSocketsCpuMicroseconds, tenths, ' µs'),
    ),
    line('all send one message', (report) => figure(report.sendMessagesPerSecond, whole, ' messages/s')),
    line('all back after a restart', ({ restartSeconds }) => figure(restartSeconds, tenths, ' s')),
    line('all left after', ({ leaveSeconds }) => figure(leaveSeconds, tenths, ' s')),
    line('memory per endpoint, all left', (report) => figure(report.rssBytesPerEndpointAfter, kilobytes)),
    line('of that, heap', (report) => figure(report.heapBytesPerEndpointAfter, kilobytes)),
  ]);
}

/** With what part of it rxflare reaches. */
function describeBareSockets({
  broadcastMessagesPerSecond: own,
  bareSocketsMessagesPerSecond: bare,
}: Partial<ScaleReport>): string {
  if (own === undefined || bare === undefined) return '';
  return `${whole(bare)} messages/s (${(own / bare).toFixed(2)} of it)`;
}

function renderInAPage(rows: readonly BrowserRow[]): string {
  return `
## In a page

\`npm run bench:browser\`: rxflare in a page of Chromium beside the WebSocket that it uses there, each to a server in Node: the hub of rxflare, and \`ws\` alone. Both carry the same bytes; the bare WebSocket sends a frame that is made once, and decodes none. Their rounds take turns, and the table shows the medians.

${renderBrowser(rows)}
`;
}

function renderBrowser(rows: readonly BrowserRow[]): string {
  const lines = rows.map((row) => [
    `${row.direction}, ${describeBytes(row.bytes)}`,
    `**${describeRate(row.rxflarePerSecond, row.bytes)}**`,
    describeRate(row.webSocketPerSecond, row.bytes),
    (row.rxflarePerSecond / row.webSocketPerSecond).toFixed(2),
  ]);
  return table([['', 'rxflare', 'WebSocket', 'of the WebSocket'], ...lines]);
}

function renderAllocation(rows: readonly AllocationRow[]): string {
  return table([
    ['', 'to send it', 'to receive it'],
    ...rows.map(({ transport, sent, received }) => [transport, `${sent} B`, `${received} B`]),
  ]);
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

function figure(value: number | undefined, describe: (value: number) => string, unit = ''): string {
  return value === undefined ? '' : `${describe(value)}${unit}`;
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1e3).toFixed(1)} kB`;
}

function tenths(value: number): string {
  return value.toFixed(1);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}
