import type { EndpointState, Message } from '../../lib/index.js';
import { pattern } from '../support/pattern.js';
import type { CellReport } from './cell-traffic.js';

/** The application that the traffic is for: where the receiver is connected. */
export const APP = 10;
/** The same, for one of all replicas of a cluster, and for every one. */
export const APP_ONE = 11;
export const APP_EVERY = 12;

/** What each message says of itself. */
export interface Stamp {
  /** Which life of the sender's process it is. */
  readonly run: number;
  /** Counts what this run sent to this receiver for this application and `send` accepted, from 1. */
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
  /** Makes it a replica of a cluster. Default: it is alone. */
  readonly cluster?: ReplicaConfig;
  /** The applications that it sends for. Default: {@link APP}. */
  readonly sends?: readonly number[];
  /** Those whose messages come to it over replicas of a cluster. Default: none. */
  readonly relayed?: readonly number[];
  /** When to connect, in milliseconds since 1970. Default: at once. */
  readonly startAt?: number;
}

/** What makes a party a replica. */
export interface ReplicaConfig {
  /** Of NATS. */
  readonly server: string;
  /** Of the cluster. */
  readonly name: string;
  readonly replicaTimeoutMs: number;
}

/** What a party is asked to do. */
export type Command =
  | 'pause'
  | 'resume'
  | 'report'
  | 'heap'
  | 'reach'
  | 'stop'
  /** Has the connection of an endpoint ended. */
  | { readonly remove: string };

/** What one run sent to one receiver. */
export interface Sent {
  readonly to: string;
  readonly app: number;
  /** By `send`; also the last sequence. */
  readonly accepted: number;
  /** By `send`, under the code of its CommError. */
  readonly refused: Readonly<Record<string, number>>;
  /** Told as `dropped` on `lifecycle$`, which does not say for which application: it is counted for the first one. */
  readonly dropped: number;
  /** What was accepted when a newcomer took the place of a live connection, which it goes on with. */
  readonly evictedAt: readonly number[];
}

/** What one run received from one run of a sender. */
export interface Received {
  readonly from: string;
  readonly run: number;
  readonly app: number;
  readonly delivered: number;
  readonly last: number;
  /** What of the sequences up to the last one has not come. */
  readonly holes: readonly Span[];
  /** Messages that came late, behind newer ones on another connection. */
  readonly overtaken: number;
  /** Messages that a connection should have begun with, and did not. */
  readonly skips: readonly Span[];
}

/** Sequences in a row. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** How a replica sees its cluster. */
export interface ReplicaView {
  readonly id: string;
  /** Whether NATS is there, and the endpoints of the others are known. */
  readonly isConnected: boolean;
  /** The others that live. */
  readonly replicas: readonly string[];
  /** READY ones by name, with the replica that has each; `null` where it is this one. */
  readonly ready: Readonly<Record<string, string | null>>;
  /** Messages of NATS that were broken. */
  readonly rejected: number;
  /** Messages of its endpoints for receivers of other replicas that are told as `dropped`. */
  readonly droppedForOthers: number;
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
  /** Of a replica. */
  readonly view?: ReplicaView;
}

/** What a party tells of its own accord, and its answers to commands. */
export type Tidings =
  | { readonly type: 'started'; readonly urls: readonly string[] }
  | {
      readonly type: 'endpoint';
      readonly name: string;
      readonly state: EndpointState;
      readonly at: number;
      /** When it last gave a sign of life, in milliseconds since 1970; 0 before the first one. */
      readonly aliveAt: number;
    }
  /** READY, or READY again over another connection. */
  | { readonly type: 'joined'; readonly name: string; readonly at: number }
  | { readonly type: 'report'; readonly report: PartyReport }
  | { readonly type: 'heap'; readonly bytes: number }
  /** The cells that did not answer. */
  | { readonly type: 'reach'; readonly failed: readonly string[] }
  /** With what is open now and was not at the start. */
  | { readonly type: 'stopped'; readonly report: PartyReport; readonly handles: readonly string[] };
