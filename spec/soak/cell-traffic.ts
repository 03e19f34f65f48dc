import { map, type Observable, timer, toArray } from 'rxjs';

import { Cell, CellError, type CellRequest, type Outcome, ReturnCode } from '../../lib/cellnet/index.js';
import type { FobsValue } from '../../lib/fobs/index.js';
import type { Communicator } from '../../lib/index.js';
import { pattern } from '../support/pattern.js';
import { seededRandom } from '../support/random.js';
import { HandledOnce } from './handled-once.js';
import type { SchedulingDelay } from './scheduling-delay.js';

/** What became of the requests of one run of a party, and of those that it handled. */
export interface CellReport {
  readonly asked: number;
  /** Replies under `ok`, errors under their return code. A broadcast has one of each target. */
  readonly ended: Readonly<Record<string, number>>;
  /** Requests that have not ended. */
  readonly open: number;
  /** How long after its time-out the last of any request came, at most; negative where all came before. */
  readonly latestMs: number;
  readonly handled: number;
}

/** How a request may end; `service_unavailable` is what handlers choose now and then. */
const ENDS: ReadonlySet<string> = new Set<ReturnCode>([
  ReturnCode.TIMEOUT,
  ReturnCode.COMM_ERROR,
  ReturnCode.TARGET_UNREACHABLE,
  ReturnCode.SERVICE_UNAVAILABLE,
]);
const SMALL_BYTES = 20_000;
const LARGE_BYTES = 3 * 1024 ** 2;
const VIOLATIONS_KEPT = 20;

/** A cell that asks others all the while, by messages and by streams, and answers what it is asked. */
export class CellTraffic {
  readonly violations: string[] = [];
  readonly #cell: Cell;
  readonly #run: number;
  readonly #asks: readonly string[];
  readonly #random: () => number;
  readonly #handled = new HandledOnce();
  readonly #ended: Record<string, number> = {};
  #asked = 0;
  #open = 0;
  #latestMs = -Infinity;
  readonly #delay: SchedulingDelay;
  readonly #marginMs: number;

  /**
   * @param asks - the names of all cells, and of some that are not
   * @param delay - of this process
   * @param marginMs - how much later than its time-out a request may end, beside that
   */
  constructor(
    communicator: Communicator,
    run: number,
    seed: number,
    asks: readonly string[],
    delay: SchedulingDelay,
    marginMs: number,
  ) {
    this.#delay = delay;
    this.#marginMs = marginMs;
    this.#cell = new Cell(communicator, { streams: { ackTimeoutMs: 5_000, idleTimeoutMs: 5_000 } });
    this.#run = run;
    this.#asks = asks.filter((name) => name !== this.#cell.fqcn);
    this.#random = seededRandom(seed);
    for (const channel of ['task', 'app'])
      this.#cell.handle(channel, 'echo', (request) => this.#answer(request));
  }

  get report(): CellReport {
    const [asked, ended, open, latestMs] = [this.#asked, this.#ended, this.#open, this.#latestMs];
    return { asked, ended, open, latestMs, handled: this.#handled.count };
  }

  /** Asks a cell, and now and then several at once. */
  askSome(): void {
    const targets = new Set(Array.from({ length: this.#random() < 0.1 ? 3 : 1 }, () => this.#anyone()));
    const stream = this.#random() < 0.03;
    const number = (this.#asked += 1);
    const payload = pattern(Math.floor(this.#random() * (stream ? LARGE_BYTES : SMALL_BYTES)), number);
    const timeoutMs = 200 + Math.floor(this.#random() * 1_800);
    const options = { headers: { run: this.#run, number }, stream, timeoutMs };
    this.#follow(this.#cell.broadcast(targets, stream ? 'app' : 'task', 'echo', payload, options), {
      number,
      payload,
      targets,
      deadlineMs: stream ? Infinity : timeoutMs,
    });
  }

  /** Those that do not answer, although nothing is wrong any more. */
  unreached(): Observable<readonly string[]> {
    const targets = this.#asks.filter((name) => name !== 'gone');
    return this.#cell.broadcast(targets, 'task', 'here', undefined, { timeoutMs: 5_000 }).pipe(
      toArray(),
      map((outcomes) =>
        outcomes.flatMap(({ target, error }) =>
          // Nobody handles it: the cell is there.
          error?.returnCode === ReturnCode.PROCESS_EXCEPTION
            ? []
            : [`${target}: ${error?.returnCode ?? 'a reply'}`],
        ),
      ),
    );
  }

  #follow(outcomes$: Observable<Outcome>, { number, payload, targets, deadlineMs }: Asked): void {
    const askedAt = Date.now();
    const delayedMs = this.#delay.totalMs;
    const left = new Set(targets);
    this.#open += 1;
    const end = (): void => {
      this.#open -= 1;
      const lateMs = Date.now() - askedAt - deadlineMs - (this.#delay.totalMs - delayedMs);
      this.#latestMs = Math.max(this.#latestMs, lateMs);
      if (lateMs > this.#marginMs) this.#accuse(`request ${number} ended ${lateMs} ms after its time-out`);
      if (left.size > 0) this.#accuse(`request ${number} ended without ${[...left].join(', ')}`);
    };
    outcomes$.subscribe({
      next: ({ target, reply, error }) => {
        if (!left.delete(target)) this.#accuse(`request ${number} to ${target} ended twice`);
        const code = error?.returnCode ?? ReturnCode.OK;
        this.#ended[code] = (this.#ended[code] ?? 0) + 1;
        if (error !== undefined && !ENDS.has(code)) this.#accuse(`request ${number}: ${error.message}`);
        if (reply !== undefined && !isSame(reply.payload, payload))
          this.#accuse(`request ${number} to ${target}: the reply has other bytes`);
      },
      error: (error: unknown) => {
        this.#accuse(`request ${number}: ${String(error)}`);
        end();
      },
      complete: end,
    });
  }

  #answer({ origin, headers, payload }: CellRequest): FobsValue | Observable<FobsValue> {
    const [run, number] = [Number(headers.run), Number(headers.number)];
    if (!this.#handled.note(origin, run, number))
      this.#accuse(`request ${number} of ${origin} run ${run} came twice`);
    if (!isSame(payload, pattern((payload as Uint8Array).length, number)))
      this.#accuse(`request ${number} of ${origin} run ${run} has other bytes`);
    const dice = this.#random();
    if (dice < 0.05) throw new CellError(ReturnCode.SERVICE_UNAVAILABLE);
    return dice < 0.25 ? timer(dice * 1_000).pipe(map(() => payload)) : payload;
  }

  #anyone(): string {
    return this.#asks[Math.floor(this.#random() * this.#asks.length)] ?? 'gone';
  }

  #accuse(violation: string): void {
    if (this.violations.length < VIOLATIONS_KEPT) this.violations.push(violation);
  }
}

interface Asked {
  readonly number: number;
  readonly payload: Uint8Array;
  readonly targets: ReadonlySet<string>;
  /** Of a stream none: its time-out begins anew whenever something moves. */
  readonly deadlineMs: number;
}

function isSame(value: FobsValue, bytes: Uint8Array): boolean {
  return value instanceof Uint8Array && Buffer.compare(value, bytes) === 0;
}
