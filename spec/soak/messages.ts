import type { EndpointState, Message } from '../../lib/index.js';
import { pattern } from '../support/pattern.js';
import type { CellReport } from './cell-traffic.js';

/** The application that the traffic is for. */
export const APP = 10;

/** What each message says of itself. */
export interface Stamp {
  /** Which life of the sender's process it is. */
  readonly run: number;
  /** Counts what this run sent to this receiver and `send` accepted, from 1. */
  readonly sequence: number;
  /** The sequence of the first message that was accepted for the same connection. */
  readonly base: number;
}

/** A message of any size whose every byte is known. */
export function stampedMessage({ run, sequence, base }: Stamp, bytes: number): Message {
  return { headers: { run, sequence, base }, payload: pattern(bytes, sequence) };
}

/** What a message says of itself; throws where the bytes are not those that were sent. */
export function stampOf({ headers, payload }: Message): Stamp {
  const stamp = {
    run: Number(headers?.run),
    sequence: Number(headers?.sequence),
    base: Number(headers?.base),
  };
  const { length } = payload ?? new Uint8Array(0);
  if (Buffer.compare(payload ?? new Uint8Array(0), pattern(length, stamp.sequence)) === 0) return stamp;
  throw new Error(`message ${stamp.sequence} of run ${stamp.run}: its ${length} bytes are not those sent`);
}

/** How a party is started. */
export interface PartyConfig {
  readonly name: string;
  readonly run: number;
  readonly seed: number;
  /** Silence after which it pings, and again after which it gives up. */
  readonly heartbeatMs: number;
  /** How late something may be that has a time, beside what the load of the machine explains. */
  readonly marginMs: number;
  readonly listen: readonly string[];
  readonly connect: readonly string[];
  /** A site sends to these even before it has seen them. */
  readonly sendTo: readonly string[];
  /** Those that its cell asks. Default: it has no cell. */
  readonly asks?: readonly string[];
}

/** What a party is asked to do. */
export type Command = 'pause' | 'resume' | 'report' | 'heap' | 'reach' | 'stop';

/** What one run sent to one receiver. */
export interface Sent {
  readonly to: string;
  /** By `send`; also the last sequence. */
  readonly accepted: number;
  /** By `send`, under the code of its CommError. */
  readonly refused: Readonly<Record<string, number>>;
  /** Told as `dropped` on `lifecycle$`. */
  readonly dropped: number;
  /** What was accepted when a newcomer took the place of a live connection, which it goes on with. */
  readonly evictedAt: readonly number[];
}

/** What one run received from one run of a sender. */
export interface Received {
  readonly from: string;
  readonly run: number;
  readonly delivered: number;
  readonly last: number;
  /** Messages that a connection should have begun with, and did not. */
  readonly skips: readonly { readonly from: number; readonly to: number }[];
}

/** Where a party stands. */
export interface PartyReport {
  readonly sent: readonly Sent[];
  readonly received: readonly Received[];
  /** What must not happen, in words. */
  readonly violations: readonly string[];
  /** Connections that ended after their handshake, under the code of their error, or `clean`. */
  readonly lost: Readonly<Record<string, number>>;
  /** How late its timers came, in all, since the last report. */
  readonly lagMs: number;
  /** Of its cell. */
  readonly cell?: CellReport;
}

/** What a party tells of its own accord, and its answers to commands. */
export type Tidings =
  | { readonly type: 'started'; readonly urls: readonly string[] }
  | { readonly type: 'endpoint'; readonly name: string; readonly state: EndpointState; readonly at: number }
  /** READY, or READY again over another connection. */
  | { readonly type: 'joined'; readonly name: string; readonly at: number }
  | { readonly type: 'report'; readonly report: PartyReport }
  | { readonly type: 'heap'; readonly bytes: number }
  /** The cells that did not answer. */
  | { readonly type: 'reach'; readonly failed: readonly string[] }
  /** With what is open now and was not at the start. */
  | { readonly type: 'stopped'; readonly report: PartyReport; readonly handles: readonly string[] };
