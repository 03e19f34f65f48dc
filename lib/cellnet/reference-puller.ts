import {
  catchError,
  concat,
  concatMap,
  defaultIfEmpty,
  defer,
  EMPTY,
  endWith,
  finalize,
  from,
  ignoreElements,
  isObservable,
  NEVER,
  type Observable,
  of,
  tap,
  throwError,
} from 'rxjs';

import { clockOf } from '../clock-of.js';
import { CommError, CommErrorCode, messageOf } from '../comm-error.js';
import { badFobs } from '../fobs/bad-fobs.js';
import { CollidingKeys } from '../fobs/colliding-keys.js';
import { Dot, type Reference } from '../fobs/datum.js';
import { type NdArray, Tensor } from '../fobs/nd-array.js';
import { readNpz } from '../fobs/npz.js';
import { readSafetensors } from '../fobs/safetensors.js';
import type { FobsValue } from '../fobs/value.js';
import { isBytes } from '../is-bytes.js';
import { isPromise } from '../is-promise.js';
import { quoted } from '../quoted.js';
import { CellError } from './cell-error.js';
import { isFileState, ITEM_BYTES } from './download-protocol.js';
import { type Held, PullBudget } from './pull-budget.js';
import { type PullData, type PullParts, pullSteps } from './pull-steps.js';
import { ReturnCode } from './return-code.js';
import { referenceKey, type PullSource } from './source-failures.js';

/** An array that was pulled. */
export interface PulledItem {
  /** As the `RemoteItem` has it that stands for it. */
  readonly itemId: string;
  readonly array: NdArray;
}

/** What was pulled, by the key of the reference and the item. */
export type PulledArrays = ReadonlyMap<string, ReadonlyMap<string, NdArray>>;

/** Pulls the arrays that others keep. */
export class ReferencePuller {
  /** What all pulls hold. */
  readonly budget: PullBudget;
  /** Arrays are pulled when they are asked for, and not before a message is handed over. */
  readonly isLazy: boolean;
  readonly #parts: PullParts;

  constructor(parts: PullParts) {
    this.budget = new PullBudget(parts.options);
    this.isLazy = parts.options.lazy;
    this.#parts = parts;
  }

  /**
   * Pulls what a message refers to, and emits it when it is whole. Its bytes count as held until it is unsubscribed; it
   * never completes.
   *
   * @param neighbour - whom it came from
   * @param messageBytes - what the message holds that waits for it
   */
  pullAll(
    references: readonly Reference[],
    neighbour: string,
    messageBytes: number,
  ): Observable<PulledArrays> {
    return this.#within(neighbour, (held) => {
      held.add(messageBytes);
      const pulled = new Map<string, Map<string, NdArray>>();
      const item$ = from(references).pipe(
        concatMap((reference) => {
          const arrays = new Map<string, NdArray>();
          pulled.set(referenceKey(reference.fqcn, reference.refId), arrays);
          return this.#pull(reference, held, true).pipe(
            tap(({ itemId, array }) => arrays.set(itemId, array)),
          );
        }),
      );
      const end$ = defer(() => {
        held.end();
        return concat(of(pulled), NEVER);
      });
      return concat(item$.pipe(ignoreElements()), end$);
    });
  }

  /** Pulls all that one reference stands for, item by item. What has been emitted is held by the subscriber. */
  pull(reference: Reference): Observable<PulledItem> {
    return this.#within(undefined, (held) => this.#pull(reference, held, false));
  }

  #within<T>(neighbour: string | undefined, work: (held: Held) => Observable<T>): Observable<T> {
    return defer(() => {
      const held = this.budget.begin(neighbour);
      return defer(() => work(held)).pipe(finalize(() => held.release()));
    });
  }

  /**
   * Pulls a file from a byte on, and hands over its chunks: the next one is asked for when what `each` returned has completed.
   * Emits how many bytes there are, with those before `startByte`.
   */
  pullFile(source: PullSource, each: (chunk: Uint8Array) => unknown, startByte: number): Observable<number> {
    if (!Number.isSafeInteger(startByte) || startByte < 0)
      throw new CommError(
        CommErrorCode.BAD_CONFIG,
        `startByte: expected a whole number from 0 on, got ${startByte}`,
      );
    let bytes = startByte;
    const take = (data: PullData, state: FobsValue): Observable<number> => {
      if (!isBytes(data) || data.length === 0) throw badFobs('an answer to a pull of a file has no bytes');
      bytes += data.length;
      if (!isFileState(state) || state.received_bytes !== bytes)
        throw badFobs('an answer to a pull of a file has another part of it');
      return completionOf(each, data).pipe(
        catchError((cause: unknown) => {
          throw new ConsumerError('', { cause });
        }),
        endWith(bytes),
      );
    };
    const chunk$ = defer(() => {
      bytes = startByte;
      const start = startByte === 0 ? undefined : { received_bytes: startByte };
      return pullSteps(this.#parts, source, take, start);
    });
    return this.#within(undefined, () => chunk$).pipe(
      // It began at the end.
      defaultIfEmpty(startByte),
      catchError((error: unknown) => {
        throw error instanceof ConsumerError ? error.cause : pullError('file', source, error);
      }),
    );
  }

  /** @param isKept - all items are held until the last one has come */
  #pull(reference: Reference, held: Held, isKept: boolean): Observable<PulledItem> {
    const { stepTimeoutMs } = this.#parts.options;
    const clock = clockOf(this.#parts.scheduler);
    return defer(() => {
      const names = new ItemNames(held);
      const take = (data: PullData): Observable<PulledItem> => {
        const files = filesOf(data);
        const bytes = files.reduce((sum, { length }) => sum + length, 0);
        held.add(bytes);
        return from(itemsOf(files, reference, names)).pipe(
          tap({ complete: () => held.drop(isKept ? 0 : bytes) }),
        );
      };
      let movedMs = clock();
      return pullSteps(this.#parts, reference, take).pipe(
        tap(({ array }) => {
          // A drip of empty arrays would hold a request for as long as a pull may take.
          const now = clock();
          if (array.data.length > 0) movedMs = now;
          else if (now - movedMs > stepTimeoutMs)
            throw new CellError(ReturnCode.TIMEOUT, `no elements came within ${stepTimeoutMs} ms`);
        }),
      );
    }).pipe(catchError((error: unknown) => throwError(() => pullError('arrays', reference, error))));
  }
}

/** What a consumer failed with, its cause, is no failure of a pull. */
class ConsumerError extends Error {}

function completionOf(each: (chunk: Uint8Array) => unknown, chunk: Uint8Array): Observable<never> {
  return defer(() => {
    const work = each(chunk);
    return isObservable(work) || isPromise(work) ? from(work) : EMPTY;
  }).pipe(ignoreElements());
}

/** The names of the items of a pull, which are kept as long as it goes on. */
class ItemNames {
  readonly #held: Held;
  readonly #names = new Set<string>();
  readonly #keys = new CollidingKeys();

  constructor(held: Held) {
    this.#held = held;
  }

  get size(): number {
    return this.#names.size;
  }

  note(name: string): void {
    this.#held.add(ITEM_BYTES + name.length);
    this.#keys.note(name);
    this.#names.add(name);
  }
}

function filesOf(data: PullData): readonly Uint8Array[] {
  if (isBytes(data)) throw badFobs('an answer to a pull of arrays is of a file');
  return data ?? [];
}

/** The arrays of an answer. One that brings nothing new would never end. */
function* itemsOf(files: readonly Uint8Array[], { dot }: Reference, names: ItemNames): Generator<PulledItem> {
  const before = names.size;
  for (const file of files) {
    for (const [itemId, array] of dot === Dot.TENSOR ? readSafetensors(file) : readNpz(file)) {
      names.note(itemId);
      yield { itemId, array: dot === Dot.TENSOR ? Tensor.from(array) : array };
    }
  }
  if (names.size === before) throw badFobs('an answer to a pull brings nothing new');
}

function pullError(what: string, { fqcn, refId }: PullSource, cause: unknown): CellError {
  const returnCode = cause instanceof CellError ? cause.returnCode : ReturnCode.INVALID_REQUEST;
  const text = `${what} of ${quoted(fqcn)}, reference ${quoted(refId)}: ${messageOf(cause)}`;
  return new CellError(returnCode, text, fqcn, { cause });
}
