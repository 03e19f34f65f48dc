import { styleText } from 'node:util';

import { match, P } from 'ts-pattern';

import type { ReturnCode } from '../cellnet/index.js';
import type { CommErrorCode } from '../comm-error.js';
import type { EndpointState } from '../endpoint.js';
import { isBytes } from '../is-bytes.js';
import type { LifecycleEvent } from '../lifecycle.js';
import type { Diagnosis } from '../monitor/diagnosis.js';
import type { StatsReport } from '../monitor/stats-report.js';
import { valueText } from './cells-value.js';
import type { FlareStatus } from '../flare/flare-error.js';
import { type Columns, type FlareOutput, flareText, tableLines } from './flare-output.js';
import type { NoticeFacts } from './notice-facts.js';
import { printable, printableJson } from './printable.js';
import { sizeText } from './text-of-payload.js';
import { summarize } from './top-lines.js';
import { workerNumber } from './worker.js';

/** Everything that the command prints. With `--json` each is one line. */
export type Output =
  | {
      readonly event: 'listening';
      readonly url: string;
      /** Where the hub has several replicas: our ID, and our process. */
      readonly replica?: string;
      readonly pid?: number;
    }
  | { readonly event: 'dashboard'; readonly url: string }
  | {
      readonly event: 'endpoint';
      readonly name: string;
      readonly state: EndpointState;
      readonly address: string;
      /** The ID of the replica that it is connected to, where that is another one. */
      readonly replica?: string;
      readonly peerCn?: string;
      readonly tls?: string;
      readonly properties: Readonly<Record<string, unknown>>;
    }
  | {
      readonly event: 'message';
      readonly from: string;
      readonly app: number;
      readonly headers: Readonly<Record<string, unknown>> | null;
      readonly bytes: number;
      /** The payload, where it is text. */
      readonly text: string | null;
    }
  | {
      readonly event: 'ready';
      readonly name: string;
      readonly address: string;
      readonly connectMs: number;
      readonly handshakeMs: number;
      readonly tls: string | null;
      readonly peerCn: string | null;
      readonly properties: Readonly<Record<string, unknown>>;
    }
  | { readonly event: 'sent'; readonly to: string; readonly app: number; readonly bytes: number }
  | {
      readonly event: 'request' | 'reply';
      readonly from: string;
      readonly channel: string;
      readonly topic: string;
      /** The payload: what JSON has, or bytes. */
      readonly value: unknown;
    }
  | {
      readonly event: 'pushed';
      readonly to: string;
      readonly file: string;
      readonly bytes: number;
      /** The other cell said that all has arrived. */
      readonly isConfirmed: boolean;
    }
  | { readonly event: 'pulled'; readonly from: string; readonly file: string; readonly bytes: number }
  | {
      readonly event: 'cell';
      readonly name: string;
      /** How far below the root it stands; the server and its jobs have 0 and more, sites 1 and more. */
      readonly depth: number;
      /** The round trip; `null` where it did not answer. */
      readonly rttMs: number | null;
      /** Why it did not answer. */
      readonly returnCode?: ReturnCode;
    }
  | { readonly event: 'pong'; readonly rttMs: number }
  | {
      readonly event: 'summary';
      readonly sent: number;
      readonly minMs: number;
      readonly avgMs: number;
      readonly maxMs: number;
    }
  | FlareOutput
  | ({ readonly event: 'stats' } & StatsReport)
  | ({
      readonly event: 'notice';
      /** The type of the lifecycle event, where it is one. */
      readonly type?: LifecycleEvent['type'];
      readonly message: string;
    } & NoticeFacts)
  | {
      readonly event: 'error';
      readonly code: CommErrorCode;
      readonly message: string;
      /** The most likely reason. */
      readonly diagnosis?: Diagnosis;
      /** Where a cell was asked. */
      readonly returnCode?: ReturnCode;
      /** What that cell said beside it, in words of its own. */
      readonly reason?: string;
      /** Where a federation was asked. */
      readonly status?: FlareStatus;
      /** How long until the next attempt, in milliseconds. */
      readonly retryMs?: number;
    };

/** What a {@link Printer} puts before text for people. */
export interface PrinterOptions {
  /** The time, as a log has it. Default: false. */
  readonly timed?: boolean;
}

/**
 * Prints to standard output: one JSON object a line, with its time and the number of the worker, or text for people. Errors and warnings in text go to
 * standard error. No text of a peer can forge a line or command the terminal. To a pipe or a file, a reply of bytes is these
 * bytes and nothing else, for the next program.
 */
export class Printer {
  readonly #json: boolean;
  readonly #timed: boolean;
  readonly #worker = workerNumber();

  constructor(json: boolean, { timed = false }: PrinterOptions = {}) {
    this.#json = json;
    this.#timed = timed;
  }

  print(output: Output): void {
    const time = new Date().toISOString();
    if (this.#json) {
      process.stdout.write(
        `${printableJson(JSON.stringify({ time, worker: this.#worker, ...rounded(output) }, plainValue))}\n`,
      );
      return;
    }
    if (output.event === 'reply' && isBytes(output.value) && !process.stdout.isTTY) {
      process.stdout.write(output.value);
      return;
    }
    const stream = isAside(output) ? process.stderr : process.stdout;
    const worker = this.#worker === undefined ? '' : `worker ${this.#worker}: `;
    stream.write(`${this.#timed ? `${time} ` : ''}${worker}${toText(safe(output))}\n`);
  }

  /** Prints a table for people, and with `--json` each output as a line. Nothing where there are none. */
  printTable<O extends Output>(outputs: readonly O[], columns: Columns<O>): void {
    if (this.#json) for (const output of outputs) this.print(output);
    else if (outputs.length > 0) process.stdout.write(`${tableLines(outputs, columns).join('\n')}\n`);
  }
}

/** What nobody asked for: not what a command is there to show. */
function isAside({ event, ...output }: Output): boolean {
  return event === 'error' || (event === 'notice' && !('type' in output));
}

function toText(output: Output): string {
  return match(output)
    .with({ event: 'listening' }, ({ url, replica, pid }) => {
      const which = replica === undefined ? '' : `, replica ${replica}, process ${pid ?? 0}`;
      return `listening on ${bold(url)}${which}`;
    })
    .with({ event: 'dashboard' }, ({ url }) => `dashboard on ${bold(url)}`)
    .with({ event: 'endpoint' }, ({ name, state, address, replica, peerCn, tls, properties }) => {
      const security = tls === undefined ? '' : `, ${tls}${peerCn === undefined ? '' : ` as ${peerCn}`}`;
      const elsewhere = replica === undefined ? '' : `, replica ${replica}`;
      return `${bold(name)} ${state} (${address}${security}${elsewhere})${braces(properties)}`;
    })
    .with({ event: 'message' }, ({ from, app, headers, bytes, text }) => {
      const body = text ?? `(${sizeText(bytes)} of binary data)`;
      return `${bold(from)} [app ${app}]${headers === null ? '' : braces(headers)} ${body}`;
    })
    .with({ event: 'ready' }, ({ name, address, connectMs, handshakeMs, tls, peerCn, properties }) =>
      [
        `${bold(name)} at ${address}${braces(properties)}`,
        `security: ${tls === null ? 'clear' : `${tls}, certificate ${peerCn ?? 'unknown'}`}`,
        `connected in ${ms(connectMs)}, handshake in ${ms(handshakeMs)}`,
      ].join('\n'),
    )
    .with({ event: 'sent' }, ({ to, app, bytes }) => `sent ${sizeText(bytes)} to ${bold(to)} [app ${app}]`)
    .with({ event: 'request' }, ({ from, channel, topic, value }) => {
      return `${bold(from)} [${channel}/${topic}] ${valueText(value)}`;
    })
    .with({ event: 'reply' }, ({ value }) => valueText(value))
    .with({ event: 'pushed' }, ({ to, bytes, isConfirmed }) => {
      const doubt = isConfirmed ? '' : ', which has not said that all has arrived';
      return `sent ${sizeText(bytes)} to ${bold(to)}${doubt}`;
    })
    .with({ event: 'pulled' }, ({ from, file, bytes }) => {
      return `received ${sizeText(bytes)} from ${bold(from)}: ${file}`;
    })
    .with({ event: 'cell' }, ({ name, depth, rttMs, returnCode }) => {
      return `${'  '.repeat(depth)}${bold(name)}  ${rttMs === null ? `no answer: ${returnCode}` : ms(rttMs)}`;
    })
    .with({ event: 'pong' }, ({ rttMs }) => `PONG in ${ms(rttMs)}`)
    .with(
      { event: 'summary' },
      ({ sent, minMs, avgMs, maxMs }) =>
        `${sent} PING${sent === 1 ? '' : 's'}, round trip min ${ms(minMs)}, avg ${ms(avgMs)}, max ${ms(maxMs)}`,
    )
    .with(
      {
        event: P.union('server', 'site', 'job', 'submitted', 'log', 'aborted', 'downloaded', 'progress'),
      },
      (each) => flareText(each, bold),
    )
    .with({ event: 'stats' }, (report) => summarize(report).join('\n'))
    .with({ event: 'notice' }, ({ message }) => message)
    .with({ event: 'error' }, ({ code, message, retryMs }) => {
      const again = retryMs === undefined ? '' : ` (trying again in ${(retryMs / 1000).toFixed(1)} s)`;
      return `rxflare: [${code}] ${message}${again}`;
    })
    .exhaustive();
}

/** Any text may come from a peer. OpenSSL ends its texts with a line break. */
function safe<T>(value: T): T {
  if (typeof value === 'string') return printable(value.trimEnd()) as T;
  if (Array.isArray(value)) return value.map(safe) as T;
  if (typeof value !== 'object' || value === null || isBytes(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [printable(key), safe(each)])) as T;
}

/** Durations of our own, to the microsecond. */
function rounded(output: Output): object {
  const round = ([key, value]: [string, unknown]): [string, unknown] =>
    typeof value === 'number' && key.endsWith('Ms') ? [key, Math.round(value * 1_000) / 1_000] : [key, value];
  return Object.fromEntries(Object.entries(output).map(round));
}

/** Headers and properties may hold what JSON lacks: bytes become base64, large integers text. */
function plainValue(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  return isBytes(value) ? { base64: Buffer.from(value).toString('base64') } : value;
}

function braces(map: object): string {
  return Object.keys(map).length === 0 ? '' : ` ${JSON.stringify(map, plainValue)}`;
}

function bold(text: string): string {
  return process.stdout.isTTY ? styleText('bold', text) : text;
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 1)} ms`;
}
