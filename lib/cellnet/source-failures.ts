import { defer, filter, map, type Observable, type SchedulerLike, Subject } from 'rxjs';
import { isMatching, P } from 'ts-pattern';

import { clockOf } from '../clock-of.js';
import { endpointNameFault } from '../endpoint.js';
import { quoted } from '../quoted.js';
import { CellError } from './cell-error.js';
import type { CellRequest } from './cell-message.js';
import { FairMap, type Shares } from './fair-map.js';
import { parentOf } from './next-hop.js';
import { ReturnCode } from './return-code.js';

/** What identifies something that a cell keeps for others to pull. */
export interface PullSource {
  /** The cell that keeps it. */
  readonly fqcn: string;
  /** The name that it has there. */
  readonly refId: string;
}

/** How long a failure is remembered, and how many references one message may name: as in NVFlare. */
const REMEMBERED_MS = 1_800_000;
const MAX_REFERENCES = 256;
/** How many failures are remembered. */
const REMEMBERED: Shares = { maxOwned: 4_096, maxEntries: 8_192 };
/** A reference is a UUID. */
const MAX_LENGTH = 256;

const isFailure = isMatching({ source_fqcn: P.string, ref_ids: P.array(P.string), reason: P.string });

interface Failure {
  readonly key: string;
  readonly reason: string;
  readonly untilMs: number;
}

/** What tells sources apart. */
export function referenceKey(fqcn: string, refId: string): string {
  return `${fqcn}\n${refId}`;
}

/**
 * Cells that kept something and died, as their parents tell: nobody else would answer. Source: `_handle_source_failure` of
 * `nvflare/fuel/f3/streaming/download_service.py` of NVFlare 2.9.
 */
export class SourceFailures {
  readonly #now: () => number;
  readonly #remembered = new FairMap<Failure>(REMEMBERED);
  readonly #noted = new Subject<Failure>();

  constructor(scheduler: SchedulerLike) {
    this.#now = clockOf(scheduler);
  }

  /** How many are remembered. */
  get size(): number {
    return this.#remembered.size;
  }

  /** @throws CellError `invalid_request` for what is none, or is not told by the parent of the source */
  note({ payload, origin, neighbour }: CellRequest): undefined {
    if (!isFailure(payload)) throw refused('it is no failure of a source');
    const { source_fqcn: fqcn, ref_ids: references, reason } = payload;
    if (parentOf(fqcn) !== origin) throw refused('its origin is not the parent of the source');
    const fault = endpointNameFault(fqcn);
    if (fault !== undefined) throw refused(`its name is none: ${fault}`);
    if (references.length > MAX_REFERENCES || references.some(({ length }) => length > MAX_LENGTH))
      throw refused('it names too much');
    const now = this.#now();
    this.#forget(now);
    const untilMs = now + REMEMBERED_MS;
    for (const refId of references) {
      const failure = { key: referenceKey(fqcn, refId), reason: quoted(reason), untilMs };
      this.#remembered.set(failure.key, failure, neighbour);
      this.#noted.next(failure);
    }
  }

  /** Errors with CellError `comm_error` once a source has failed; emits nothing. */
  of({ fqcn, refId }: PullSource): Observable<never> {
    const key = referenceKey(fqcn, refId);
    return defer(() => {
      const known = this.#remembered.get(key);
      if (known !== undefined && known.untilMs > this.#now()) throw failed(known);
      return this.#noted.pipe(
        filter((failure) => failure.key === key),
        map((failure) => {
          throw failed(failure);
        }),
      );
    });
  }

  /** Deletes what is over. The oldest come first. */
  #forget(now: number): void {
    for (const [key, { untilMs }] of this.#remembered) {
      if (untilMs > now) return;
      this.#remembered.delete(key);
    }
  }
}

function failed({ reason }: Failure): CellError {
  return new CellError(ReturnCode.COMM_ERROR, `its source has failed: ${reason}`);
}

function refused(reason: string): CellError {
  return new CellError(ReturnCode.INVALID_REQUEST, reason, undefined, { reason });
}
