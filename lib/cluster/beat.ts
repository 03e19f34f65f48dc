import { isMatching, P } from 'ts-pattern';

import { CommError, CommErrorCode } from '../comm-error.js';
import { LONGEST_TIMER_MS } from '../longest-timer.js';
import type { HopStats } from '../stats.js';
import { decodeMap, encodeMap } from '../wire/map-codec.js';
import { isReplicaId } from './replica-id.js';

/** The most hops that a sign of life tells of, so that it stays small and takes little memory. */
export const MAX_HOPS = 32;

/** Of 32 hops to replicas with the longest IDs it has 3.5 kB. */
const MAX_BEAT_BYTES = 8 * 1_024;

/** What must be the same at all replicas. Each says what it has. */
export interface Common {
  /** The name of the local endpoint. */
  readonly localName: string;
  readonly replicaTimeoutMs: number;
}

/** A sign of life of a replica. */
export interface Beat {
  readonly replica: string;
  /** Whether it has not joined yet, and may be refused. Beats of an earlier version do not say so. */
  readonly isJoining: boolean;
  readonly isLeaving: boolean;
  /** Beats of an earlier version do not have it. */
  readonly common: Common | undefined;
  /** What it sent to others, at most {@link MAX_HOPS} of them. Beats of the first version do not have it: none then. */
  readonly sentTo: readonly HopStats[];
}

const COUNT = P.when((value): value is number => Number.isSafeInteger(value) && (value as number) >= 0);

/** `[to, messages, bytes]` each. */
const HOPS = P.array([P.when(isReplicaId), COUNT, COUNT]);

const COMMON = { localName: P.string, replicaTimeoutMs: P.number.between(0, LONGEST_TIMER_MS) };

/** A sign of life as it travels. */
export function encodeBeat({ replica, isJoining, isLeaving, common, sentTo }: Beat): Uint8Array {
  const hops = sentTo.slice(0, MAX_HOPS).map(({ to, messages, bytes }) => [to, messages, bytes]);
  return encodeMap({ replica, isJoining, isLeaving, ...common, hops }).slice();
}

/** Reads a sign of life. @throws CommError `BAD_DATA` where it is none, or too large */
export function decodeBeat(bytes: Uint8Array): Beat {
  if (bytes.length > MAX_BEAT_BYTES) throw bad(`it has more than ${MAX_BEAT_BYTES} bytes`);
  const {
    replica,
    isJoining,
    isLeaving,
    hops = [],
    ...rest
  }: Readonly<Record<string, unknown>> = decodeMap(bytes);
  if (!isReplicaId(replica)) throw bad('it has no valid replica ID');
  if (!isMatching(HOPS, hops) || hops.length > MAX_HOPS) throw bad('its hops cannot be read');
  return {
    replica,
    isJoining: isJoining === true,
    isLeaving: isLeaving === true,
    common: isMatching(COMMON, rest) ? commonOf(rest) : undefined,
    sentTo: hops.map(([to, messages, count]) => ({ to, messages, bytes: count })),
  };
}

function commonOf({ localName, replicaTimeoutMs }: Common): Common {
  return { localName, replicaTimeoutMs };
}

function bad(detail: string): CommError {
  return new CommError(CommErrorCode.BAD_DATA, `bad beat: ${detail}`);
}
