import { readlink } from 'node:fs/promises';
import { hostname } from 'node:os';

import {
  defer,
  exhaustMap,
  from,
  last,
  map,
  type Observable,
  of,
  switchMap,
  takeUntil,
  takeWhile,
  timer,
} from 'rxjs';
import { isMatching, P } from 'ts-pattern';

import { CommError, CommErrorCode } from '../../comm-error.js';
import { look, readText, touch, writeAtOnce } from './files.js';
import { requireFile } from './trust.js';
import type { Tuning } from './tuning.js';

/** A host name has 255 characters at most. */
const LEASE_BYTES = 1024;

/** The listener before may have run as any user. Its lease is read, and never written to. */
const ANYBODY = undefined;

/** The listener that wrote a lease. NVFlare leaves leases empty, and compares their times only. */
interface Owner {
  /** A host and its PID namespace: process IDs are comparable within one realm. */
  readonly realm: string;
  readonly pid: number;
}

/**
 * Whether another listener keeps a lease alive. NVFlare does not check this: there, two listeners on one
 * directory would both adopt each connection.
 *
 * Answers at once where there is no lease, or its owner was a process of this machine that has ended. Otherwise
 * the lease is watched for two `lease_interval`s, in which a live owner touches it.
 */
export function isLeaseAlive(path: string, tuning: Tuning): Observable<boolean> {
  return defer(() => from(isSuspect(path))).pipe(
    switchMap((isIt) => (isIt ? changesWithin(path, tuning) : of(false))),
  );
}

/** Makes the lease ours, by a file of our own in its place. */
export async function takeLease(path: string, { fileMode }: Tuning): Promise<void> {
  await writeAtOnce(path, JSON.stringify(await ourselves()), fileMode);
}

/**
 * Touches our lease.
 *
 * @throws CommError `BAD_CONFIG` where another listener took it at the same moment as we did
 */
export async function holdLease(path: string, tuning: Tuning): Promise<void> {
  const text = await readLease(path);
  if (text === undefined) {
    await takeLease(path, tuning);
    return;
  }
  const owner = parseOwner(text);
  const { realm, pid } = await ourselves();
  if (owner !== undefined && (owner.realm !== realm || owner.pid !== pid)) {
    const other = `process ${owner.pid} of ${owner.realm}`;
    throw new CommError(CommErrorCode.BAD_CONFIG, `${path} was taken by another listener, ${other}`);
  }
  await touch(path, tuning.fileMode, ANYBODY);
}

function readLease(path: string): Promise<string | undefined> {
  return readText(path, LEASE_BYTES, ANYBODY);
}

async function isSuspect(path: string): Promise<boolean> {
  const text = await readLease(path);
  if (text === undefined) return false;
  const owner = parseOwner(text);
  const { realm, pid } = await ourselves();
  // Our own listeners know of each other; a lease under our ID is of a process before us that had the same.
  return owner?.realm !== realm || (owner.pid !== pid && isRunning(owner.pid));
}

function changesWithin(path: string, { leaseIntervalMs, leaseTimeoutMs }: Tuning): Observable<boolean> {
  const looks$ = timer(0, leaseIntervalMs / 10).pipe(exhaustMap(() => changeOf(path)));
  const over$ = timer(Math.min(2 * leaseIntervalMs, leaseTimeoutMs));
  let first: number | undefined;
  return looks$.pipe(
    map((change, index) => {
      if (index === 0) first = change;
      return change !== undefined && change !== first;
    }),
    takeWhile((isAlive) => !isAlive, true),
    takeUntil(over$),
    last(undefined, false),
  );
}

async function changeOf(path: string): Promise<number | undefined> {
  const lease = await look(path);
  return lease && requireFile(lease, path, ANYBODY).mtimeMs;
}

async function ourselves(): Promise<Owner> {
  // Containers may share a host name without sharing processes.
  const processes = await readlink('/proc/self/ns/pid').catch(() => '');
  return { realm: `${hostname()} ${processes}`, pid: process.pid };
}

function parseOwner(text: string): Owner | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isMatching({ realm: P.string, pid: P.number }, value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
