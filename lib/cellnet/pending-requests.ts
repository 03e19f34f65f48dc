import type { Observable, SchedulerLike, Subscriber } from 'rxjs';

import { CellError, closedError } from './cell-error.js';
import type { CellReply } from './cell-message.js';
import { ChurnedMap } from './churned-map.js';
import { ReturnCode } from './return-code.js';
import { Timeouts, type Waiting } from './timeouts.js';

/** How a request to one cell of several ended. */
export type Outcome =
  | { readonly target: string; readonly reply: CellReply; readonly error?: undefined }
  | { readonly target: string; readonly error: CellError; readonly reply?: undefined };

/** An outcome as it came; `whole$` is the same with the arrays that are to be pulled, where there are any. */
export type Settled = Outcome & { readonly whole$?: Observable<Outcome> };

/** One request, which a hundred thousand a second may be: so it is an object, and no chain of Observables. */
interface Pending extends Waiting<Pending> {
  readonly id: string;
  /** The targets that have not replied. */
  readonly left: Set<string>;
  /** How many outcomes are to come, those whose arrays are being pulled too. */
  open: number;
  /** Arrays of replies are pulled. */
  readonly pulls: boolean;
  /** Completes after the last outcome. */
  readonly subscriber: Subscriber<unknown>;
  readonly hear: (outcome: Outcome) => void;
  /** It is a stream, which goes on when a neighbour comes back, and its time begins anew at each `touch`. */
  readonly isStream: boolean;
}

/** What is waited for. */
export interface Wait {
  readonly id: string;
  /** Nobody else changes them any more: those that have replied are taken out. */
  readonly targets: Set<string>;
  readonly timeoutMs: number;
  /** A reply whose arrays are to be pulled comes when it is whole, outside the time. */
  readonly pulls: boolean;
}

/** The requests that wait for replies, by request ID. */
export class PendingRequests {
  readonly #pending = new ChurnedMap<Pending>();
  readonly #timeouts: Timeouts<Pending>;
  #late = 0;
  #isClosed = false;

  /** @param scheduler - what time-outs are measured by */
  constructor(scheduler: SchedulerLike) {
    this.#timeouts = new Timeouts(scheduler, (pending) => this.#giveUp(pending));
  }

  /** How many outcomes came that nobody waited for: late, a second time, or never asked for. */
  get late(): number {
    return this.#late;
  }

  /** Ends the wait for one target, with what came for it. */
  settle(id: string, outcome: Settled): void {
    if (!this.#end(id, outcome)) this.countLate();
  }

  /** Ends the wait for one target, which cannot be asked or has gone, where it is still waited for. */
  fail(id: string, error: CellError, target: string): void {
    this.#end(id, { target, error });
  }

  /** Something came that nobody waits for. */
  countLate(): void {
    this.#late += 1;
  }

  /**
   * Waits while `subscriber` is open, and completes it after the last outcome. Each target has one: a reply, a failure to
   * ask it, or that the time is over.
   *
   * @param hear - called with each outcome as it comes
   * @param isStream - the time begins anew at each `touch`
   */
  wait(
    { id, targets, timeoutMs, pulls }: Wait,
    subscriber: Subscriber<unknown>,
    hear: (outcome: Outcome) => void,
    isStream = false,
  ): void {
    const open = targets.size;
    const waiting = { timeoutMs, deadlineMs: 0, before: undefined, after: undefined };
    const pending: Pending = { id, left: targets, open, pulls, subscriber, hear, isStream, ...waiting };
    this.#pending.set(id, pending);
    this.#timeouts.start(pending);
    subscriber.add(() => {
      this.#pending.delete(id);
      this.#timeouts.stop(pending);
    });
    if (open === 0) subscriber.complete();
  }

  /** Something of a request has moved, or of its reply. */
  touch(id: string): void {
    const pending = this.#pending.get(id);
    if (pending?.isStream === true) this.#timeouts.start(pending);
  }

  /** Whether a reply of this target is waited for. */
  isWaiting(id: string, target: string): boolean {
    return this.#pending.get(id)?.left.has(target) === true;
  }

  /** Ends the wait for a neighbour that has gone, but for requests that are streams. */
  lose(target: string): void {
    for (const { id, isStream, left } of this.#pending.values()) {
      if (isStream || !left.has(target)) continue;
      const text = `cell ${target}: it disconnected before it replied`;
      this.fail(id, new CellError(ReturnCode.COMM_ERROR, text, target), target);
    }
  }

  /** Gives up all that wait. */
  close(): void {
    this.#isClosed = true;
    for (const pending of this.#pending.values()) this.#giveUp(pending);
    this.#timeouts.close();
  }

  /** @returns whether it was waited for */
  #end(id: string, settled: Settled): boolean {
    const pending = this.#pending.get(id);
    if (pending?.left.delete(settled.target) !== true) return false;
    if (pending.pulls && settled.whole$ !== undefined) {
      if (pending.left.size === 0) this.#timeouts.stop(pending);
      pending.subscriber.add(settled.whole$.subscribe((outcome) => deliver(pending, outcome)));
    } else deliver(pending, settled);
    return true;
  }

  #giveUp({ id, left, timeoutMs }: Pending): void {
    for (const target of [...left]) {
      const text = `cell ${target}: no reply came within ${timeoutMs} ms`;
      const error = this.#isClosed ? closedError(target) : new CellError(ReturnCode.TIMEOUT, text, target);
      this.fail(id, error, target);
    }
  }
}

function deliver(pending: Pending, outcome: Outcome): void {
  pending.open -= 1;
  pending.hear(outcome);
  if (pending.open === 0) pending.subscriber.complete();
}
