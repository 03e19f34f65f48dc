import { Observable, Subject } from 'rxjs';
import { isMatching, P } from 'ts-pattern';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { FobsValue } from '../fobs/value.js';
import { quoted } from '../quoted.js';
import type { CellRequest } from './cell-message.js';
import { Confirm, isFileStep, Status } from './download-protocol.js';
import { rootOf } from './next-hop.js';

/** How a pull of a file ended. */
export interface FilePull {
  /** The cell that pulled. */
  readonly by: string;
  /** It has the whole file, as it says; up to NVFlare 2.8, that it has asked for all of it. */
  readonly isWhole: boolean;
}

/** The answer to a step, which may be undefined. */
interface Reply {
  readonly reply: FobsValue | Promise<FobsValue>;
}

const hasReference = isMatching({ ref_id: P.string });

/** What one answer has, as NVFlare's. */
const STEP_BYTES = 5 * 1024 ** 2;

/**
 * The most steps of a file that wait for one site, with all cells below it, or behind a relay. One that pulls asks for one at
 * a time, and one that waits holds nothing of the file.
 */
const MAX_WAITING = 1_000;

/** One file that others may pull. */
class KeptFile {
  readonly pulls$: Observable<FilePull>;
  readonly #pulls = new Subject<FilePull>();
  readonly #file: Blob;
  /** What a confirmation has, so that one of another time is none. */
  readonly #nonce = crypto.randomUUID();
  /** One step is read at a time, however many pull. */
  #reading: Promise<unknown> = Promise.resolve();
  /** How many steps wait, by site. */
  readonly #waiting = new Map<string, number>();

  constructor(file: Blob) {
    this.#file = file;
    this.pulls$ = this.#pulls.asObservable();
  }

  /** @returns nothing for what is no step of a file */
  answer(step: FobsValue, by: string): Reply | undefined {
    if (!isFileStep(step)) return undefined;
    const { state, confirm, confirm_nonce: nonce, confirm_capable: canConfirm, cancel } = step;
    if (cancel === true || typeof confirm === 'string') {
      const isWhole = cancel !== true && confirm === Confirm.SUCCESS;
      if (cancel === true || nonce === this.#nonce) this.#pulls.next({ by, isWhole });
      return { reply: undefined };
    }
    const start = state?.received_bytes ?? 0;
    if (start > this.#file.size) return { reply: { status: Status.ERROR } };
    if (start < this.#file.size) return { reply: this.#readFor(rootOf(by), start) };
    if (canConfirm === true)
      return { reply: { status: Status.EOF, confirm_expected: true, confirm_nonce: this.#nonce } };
    this.#pulls.next({ by, isWhole: true });
    return { reply: { status: Status.EOF } };
  }

  #readFor(site: string, start: number): FobsValue | Promise<FobsValue> {
    const waiting = this.#waiting.get(site) ?? 0;
    if (waiting >= MAX_WAITING) return { status: Status.ERROR };
    this.#waiting.set(site, waiting + 1);
    return this.#read(start).finally(() => {
      const left = (this.#waiting.get(site) ?? 1) - 1;
      if (left === 0) this.#waiting.delete(site);
      else this.#waiting.set(site, left);
    });
  }

  #read(start: number): Promise<FobsValue> {
    const read = this.#reading.then(async () => {
      const data = new Uint8Array(await this.#file.slice(start, start + STEP_BYTES).arrayBuffer());
      const state = { received_bytes: start + data.length };
      return { status: Status.OK, state, data, cancel_capable: true };
    });
    this.#reading = read.catch(() => undefined);
    return read;
  }
}

/** The files that are offered for others to pull. */
export class FileKeeper {
  readonly #files = new Map<string, KeptFile>();

  /** Keeps a file for others while it is subscribed, and emits how each pull of it ends. */
  offer(refId: string, file: Blob): Observable<FilePull> {
    return new Observable((subscriber) => {
      if (this.#files.has(refId))
        throw new CommError(CommErrorCode.BAD_CONFIG, `a file is offered as ${quoted(refId)} already`);
      const kept = new KeptFile(file);
      this.#files.set(refId, kept);
      subscriber.add(() => this.#files.delete(refId));
      return kept.pulls$.subscribe(subscriber);
    });
  }

  /** @returns the answer to a step of a pull of a file; nothing where it is of none that is kept */
  answer({ payload, origin }: CellRequest): Reply | undefined {
    const refId = hasReference(payload) ? payload.ref_id : '';
    return this.#files.get(refId)?.answer(payload, origin);
  }
}
