import type { SchedulerLike, Subscription } from 'rxjs';

import { clockOf } from '../clock-of.js';
import { LONGEST_TIMER_MS } from '../longest-timer.js';
import { type Linked, LinkedList } from './linked-list.js';

/** What waits, for a time at most. */
export interface Waiting<W> extends Linked<W> {
  readonly timeoutMs: number;
  /** When it is over, by the clock of {@link Timeouts}. */
  deadlineMs: number;
}

/** All that wait equally long, the first to be given up first. */
interface Queue<W extends Waiting<W>> {
  readonly timeoutMs: number;
  readonly waiting: LinkedList<W>;
  timer: Subscription | undefined;
}

/**
 * Gives up what has waited for too long. All that wait equally long share one timer, which goes on while nothing waits:
 * a timer for each of a hundred thousand requests a second takes longer than the requests.
 */
export class Timeouts<W extends Waiting<W>> {
  readonly #scheduler: SchedulerLike;
  readonly #now: () => number;
  readonly #giveUp: (each: W) => void;
  readonly #queues = new Map<number, Queue<W>>();
  /** In which nothing waits, for now. */
  #resting: Queue<W> | undefined;
  #isClosed = false;

  /**
   * @param scheduler - what time is measured by
   * @param giveUp - called when the time of something is over
   */
  constructor(scheduler: SchedulerLike, giveUp: (each: W) => void) {
    this.#giveUp = giveUp;
    this.#scheduler = scheduler;
    this.#now = clockOf(scheduler);
  }

  /** Begins the time of something, or begins it anew. */
  start(each: W): void {
    if (this.#isClosed) return;
    const queue = this.#queueOf(each.timeoutMs);
    each.deadlineMs = this.#now() + each.timeoutMs;
    queue.waiting.delete(each);
    queue.waiting.push(each);
    queue.timer ??= this.#wake(queue, each.timeoutMs);
  }

  /** Something waits no more. */
  stop(each: W): void {
    const queue = this.#queues.get(each.timeoutMs);
    queue?.waiting.delete(each);
    if (queue?.waiting.first === undefined) this.#rest(queue);
  }

  /** Nothing waits any more, nor will: what is asked for later fails at once. */
  close(): void {
    this.#isClosed = true;
    for (const { timer } of this.#queues.values()) timer?.unsubscribe();
    this.#queues.clear();
  }

  #queueOf(timeoutMs: number): Queue<W> {
    const known = this.#queues.get(timeoutMs);
    if (known !== undefined) return known;
    const queue = { timeoutMs, waiting: new LinkedList<W>(), timer: undefined };
    this.#queues.set(timeoutMs, queue);
    return queue;
  }

  /** Keeps the timer of a queue in which nothing waits, in place of that of the one before. */
  #rest(queue: Queue<W> | undefined): void {
    if (queue === this.#resting) return;
    if (this.#resting !== undefined) this.#removeIdle(this.#resting);
    this.#resting = queue;
  }

  #removeIdle(queue: Queue<W>): void {
    if (queue.waiting.first !== undefined) return;
    queue.timer?.unsubscribe();
    this.#queues.delete(queue.timeoutMs);
    if (queue === this.#resting) this.#resting = undefined;
  }

  #wake(queue: Queue<W>, afterMs: number): Subscription {
    return this.#scheduler.schedule(() => this.#sweep(queue), Math.min(afterMs, LONGEST_TIMER_MS));
  }

  #sweep(queue: Queue<W>): void {
    const now = this.#now();
    let each = queue.waiting.first;
    for (; each !== undefined && each.deadlineMs <= now; each = queue.waiting.first) {
      queue.waiting.delete(each);
      this.#giveUp(each);
    }
    if (each === undefined) this.#removeIdle(queue);
    else queue.timer = this.#wake(queue, each.deadlineMs - now);
  }
}
