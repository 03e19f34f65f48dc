import { type MonoTypeOperatorFunction, type SchedulerLike, Subscription, tap, timer } from 'rxjs';

import { clockOf } from '../clock-of.js';
import { Dot } from '../fobs/datum.js';
import { type NdArray, Tensor } from '../fobs/nd-array.js';
import { writeNpz } from '../fobs/npz.js';
import { writeSafetensors } from '../fobs/safetensors.js';
import { DECOMPOSER, PyType } from '../fobs/type-names.js';
import { type FobsValue, PyObject, RemoteItem } from '../fobs/value.js';
import { CellError } from './cell-error.js';
import type { CellRequest } from './cell-message.js';
import { isPullRequest, ITEM_BYTES, Status } from './download-protocol.js';
import { CELL_SHARES, FairMap } from './fair-map.js';
import type { Outcome } from './pending-requests.js';
import type { ReferenceOptions } from './reference-options.js';
import { ReturnCode } from './return-code.js';

/** How much one answer has, unless one array is larger: as NVFlare. */
const STEP_BYTES = 2 * 1024 ** 2;

/** The arrays, or the tensors, of one message. */
interface Kept {
  readonly refId: string;
  readonly offer: Offer;
  /** A file for each array; empty once all have pulled. */
  files: Uint8Array[];
  count: number;
  /** What a confirmation has, so that one of another time is none. */
  readonly nonce: string;
  /** Those that have pulled, or given up. */
  readonly done: Set<string>;
  usedMs: number;
}

/** What one message keeps for others. */
export class Offer {
  readonly #keeper: ReferenceKeeper;
  readonly #items = new Map<NdArray, RemoteItem>();
  readonly #kept = new Map<number, Kept>();
  /** Those that the message goes to. */
  readonly receivers = new Set<string>();
  /** Whose share of what is kept it counts to. */
  readonly owner: string;
  /** Called when something is pulled. */
  readonly onPull: () => void;
  #isClosed = false;

  /** See {@link ReferenceKeeper.offer}. */
  constructor(keeper: ReferenceKeeper, owner: string, onPull: () => void) {
    this.#keeper = keeper;
    this.owner = owner;
    this.onPull = onPull;
  }

  /** Whether arrays are kept. */
  get isUsed(): boolean {
    return this.#kept.size > 0;
  }

  /** Whether the message may still refer to arrays. */
  get isOpen(): boolean {
    return !this.#isClosed;
  }

  /** Keeps an array as it is now, where it is large and there is room. */
  keep(array: NdArray): RemoteItem | undefined {
    const known = this.#items.get(array);
    if (known !== undefined || this.#isClosed) return known;
    const type = array instanceof Tensor ? PyType.TENSOR : PyType.NDARRAY;
    const dot = array instanceof Tensor ? Dot.TENSOR : Dot.NUMPY;
    if (!this.#keeper.hasRoomFor(array)) return undefined;
    const kept = this.#kept.get(dot) ?? this.#keeper.begin(this);
    this.#kept.set(dot, kept);
    const itemId = `T${kept.files.length}`;
    this.#keeper.add(kept, (dot === Dot.TENSOR ? writeSafetensors : writeNpz)([[itemId, array]]));
    const placeholder = new PyObject(type, { type: 'ref', data: itemId }, DECOMPOSER[type]);
    const item = new RemoteItem({ fqcn: this.#keeper.fqcn, refId: kept.refId, dot }, itemId, placeholder);
    this.#items.set(array, item);
    return item;
  }

  /** The message refers to nothing from now on. */
  close(): void {
    this.#isClosed = true;
  }

  /** One of the receivers will not pull. */
  giveUp(receiver: string): void {
    for (const kept of this.#kept.values()) this.#keeper.finish(kept, receiver);
  }

  /** Keeps nothing any more. */
  release(): void {
    for (const kept of this.#kept.values()) this.#keeper.drop(kept);
  }
}

/** Keeps arrays for others to pull. */
export class ReferenceKeeper {
  readonly fqcn: string;
  readonly #mark: string;
  readonly #options: Required<ReferenceOptions>;
  readonly #scheduler: SchedulerLike;
  readonly #now: () => number;
  /** The references, those that have been pulled too. */
  readonly #kept = new FairMap<Kept>(CELL_SHARES, (kept) => this.#empty(kept));
  #heldBytes = 0;
  #sweeping = Subscription.EMPTY;
  #isStopped = false;

  /** @param mark - what the IDs of references begin with */
  constructor(fqcn: string, mark: string, options: Required<ReferenceOptions>, scheduler: SchedulerLike) {
    this.fqcn = fqcn;
    this.#mark = mark;
    this.#options = options;
    this.#scheduler = scheduler;
    this.#now = clockOf(scheduler);
  }

  /** How many bytes are kept. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * What a message keeps arrays by.
   *
   * @param owner - whose share of what is kept it counts to: who asks for replies without end evicts its own references
   * @param onPull - called when something is pulled
   */
  offer(owner: string, onPull: () => void = () => undefined): Offer {
    return new Offer(this, owner, onPull);
  }

  /** Answers a step of a pull, or takes what ends one. @throws CellError `invalid_request` where nothing is kept */
  answer({ payload, origin }: CellRequest): FobsValue {
    const kept = isPullRequest(payload) ? this.#kept.get(payload.ref_id) : undefined;
    if (kept === undefined || !isPullRequest(payload)) throw nothingKept();
    const { state, confirm, confirm_nonce: nonce, confirm_capable: canConfirm, cancel } = payload;
    kept.usedMs = this.#now();
    kept.offer.onPull();
    if (cancel === true || typeof confirm === 'string') {
      if (cancel === true || nonce === kept.nonce) this.finish(kept, origin);
      return undefined;
    }
    const start = state ? state.start + state.count : 0;
    const data = stepOf(kept.files, start);
    if (data.length > 0)
      return { status: Status.OK, state: { start, count: data.length }, data, cancel_capable: true };
    if (start < kept.count) return { status: Status.ERROR };
    if (canConfirm === true && !kept.done.has(origin))
      return { status: Status.EOF, confirm_expected: true, confirm_nonce: kept.nonce };
    this.finish(kept, origin);
    return { status: Status.EOF };
  }

  /** Whether an array is large, and there is room for it; none once it has stopped. */
  hasRoomFor({ data }: NdArray): boolean {
    const { sendFromBytes, maxKeptBytes } = this.#options;
    if (this.#isStopped || data.byteLength < sendFromBytes) return false;
    return this.#heldBytes + data.byteLength + ITEM_BYTES <= maxKeptBytes;
  }

  begin(offer: Offer): Kept {
    const refId = `${this.#mark}${crypto.randomUUID()}`;
    const nonce = crypto.randomUUID();
    const usedMs = this.#now();
    const kept: Kept = { refId, offer, files: [], count: 0, nonce, done: new Set(), usedMs };
    this.#kept.set(refId, kept, offer.owner);
    this.#sweep();
    return kept;
  }

  add(kept: Kept, file: Uint8Array): void {
    kept.files.push(file);
    kept.count += 1;
    this.#heldBytes += file.length + ITEM_BYTES;
  }

  /** Somebody has pulled, or will not: the arrays are let go of when all have. The reference stays for a while. */
  finish(kept: Kept, receiver: string): void {
    const { done, offer } = kept;
    if (done.size < offer.receivers.size) done.add(receiver);
    if (done.size >= offer.receivers.size) this.#empty(kept);
  }

  drop(kept: Kept): void {
    this.#empty(kept);
    this.#kept.delete(kept.refId);
    if (this.#kept.size === 0) this.#sweeping.unsubscribe();
  }

  /** Keeps nothing any more. */
  stop(): void {
    this.#isStopped = true;
    for (const [, kept] of this.#kept) this.drop(kept);
  }

  #empty(kept: Kept): void {
    for (const { length } of kept.files) this.#heldBytes -= length + ITEM_BYTES;
    kept.files = [];
  }

  #sweep(): void {
    if (!this.#sweeping.closed) return;
    const { keepMs } = this.#options;
    this.#sweeping = timer(keepMs / 2, keepMs / 2, this.#scheduler).subscribe(() => {
      const now = this.#now();
      for (const [, kept] of this.#kept) if (now - kept.usedMs >= keepMs) this.drop(kept);
    });
  }
}

/** Why a step of a pull cannot be answered. */
export function nothingKept(): CellError {
  const reason = 'nothing is kept under the reference: it was pulled, or nobody pulled it for too long';
  return new CellError(ReturnCode.INVALID_REQUEST, reason, undefined, { reason });
}

function stepOf(files: readonly Uint8Array[], start: number): readonly Uint8Array[] {
  let bytes = 0;
  let end = start;
  for (const { length } of files.slice(start)) {
    if (end > start && bytes + length > STEP_BYTES) break;
    bytes += length;
    end += 1;
  }
  return files.slice(start, end);
}

/** Arrays are sent by reference where that is asked for. */
export function keeperOf(
  fqcn: string,
  mark: string,
  options: Required<ReferenceOptions>,
  scheduler: SchedulerLike,
): ReferenceKeeper | undefined {
  return options.sendFromBytes < Number.POSITIVE_INFINITY
    ? new ReferenceKeeper(fqcn, mark, options, scheduler)
    : undefined;
}

/** The owner of what our own request keeps: its first target, apart from what that makes us keep by asking for replies. */
export function sharedBy([first = '']: Iterable<string>): string {
  return `request to ${first}`;
}

/** Who has failed will not pull, and nobody will once the request is given up. A reply may come before they have pulled. */
export function offered(offer: Offer, targets: number): MonoTypeOperatorFunction<Outcome> {
  let left = targets;
  return tap({
    next: ({ target, error }) => {
      left -= 1;
      if (error !== undefined) offer.giveUp(target);
    },
    error: () => offer.release(),
    unsubscribe: () => {
      if (left > 0) offer.release();
    },
  });
}
