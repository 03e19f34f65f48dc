import {
  type CustomTransportStrategy,
  type MessageHandler,
  Server,
  type Transport,
} from '@nestjs/microservices';
import {
  BehaviorSubject,
  defer,
  endWith,
  filter,
  finalize,
  firstValueFrom,
  from,
  ignoreElements,
  isObservable,
  lastValueFrom,
  type Observable,
  race,
  ReplaySubject,
  Subject,
  Subscription,
  takeUntil,
  timer,
} from 'rxjs';

import { type Cell, CellError, type CellRequest, ReturnCode } from '../../cellnet/index.js';
import type { Endpoint } from '../../endpoint.js';
import type { FobsValue } from '../../fobs/index.js';
import { requireOptions } from '../../require-options.js';
import { CellContext } from './cell-context.js';
import { type CellEvents, CellLink, type CellStatus } from './cell-link.js';
import { cellPatternOf } from './cell-pattern.js';
import { failureOf } from './failure-of.js';

/** How a {@link CellServer} works. */
export interface CellServerOptions {
  /**
   * How long `close` waits for handlers that are at work, in milliseconds. Default: 10,000, as Nest's NATS transport.
   * Range: 0 to 2^31 - 1.
   */
  readonly gracePeriodMs?: number;
}

const DEFAULTS: Required<CellServerOptions> = { gracePeriodMs: 10_000 };

/** The transport of {@link CellServer}: `@MessagePattern(pattern, CELL_TRANSPORT)` is for it alone. */
export const CELL_TRANSPORT = Symbol('rxflare: cells');

/**
 * Lets controllers of Nest answer what other cells ask, by `@MessagePattern` and `@EventPattern` with a
 * {@link CellPattern}.
 *
 * - The reply is what the handler returns, or promises. Of an Observable it is the last value, as in controllers of HTTP:
 *   a request has one reply. `undefined` and an Observable without a value are empty replies. It is unsubscribed when nobody
 *   waits for the reply any more, as `Cell.handle` says.
 * - A handler chooses a return code by `throw new RpcException(new CellError(returnCode))`. The text of any RpcException
 *   travels to the cell that asked; of all other errors nothing does, and the return code is `process_exception`.
 * - An event is at work until its handler has finished, the Observable that it returned too. Where it fails behind its
 *   exception filters, `handlerErrors$` of the cell has what they threw, and Nest's logger where that is an Error.
 * - `listen` starts the communicator where nobody has, and `close` then stops it.
 */
export class CellServer extends Server<CellEvents> implements CustomTransportStrategy {
  override transportId: Transport | symbol = CELL_TRANSPORT;
  readonly #link: CellLink;
  readonly #gracePeriodMs: number;
  readonly #handling = new Subscription();
  readonly #running = new BehaviorSubject(0);
  readonly #end = new Subject<never>();

  /**
   * As `strategy` of a microservice.
   *
   * @param cell - what answers; a `CellClient` may ask by the same one
   * @throws CommError `BAD_CONFIG` for an option that is unknown, of the wrong type or out of range
   */
  constructor(cell: Cell, options: CellServerOptions = {}) {
    super();
    requireOptions(options, DEFAULTS, 'a server of cells');
    this.#link = new CellLink(cell);
    this.#gracePeriodMs = options.gracePeriodMs ?? DEFAULTS.gracePeriodMs;
    // Hooks that do nothing: Nest 11.0 has none yet, and none at the end is there until it is set.
    this.onProcessingStartHook = (_transport, _context, done) => void done();
    this.onProcessingEndHook = () => undefined;
  }

  /** Whether a neighbour is READY: now, and on each change. */
  override get status(): Observable<CellStatus> {
    return this.#link.status$;
  }

  /** Nest calls it. Calls back with CommError `BAD_CONFIG` for a pattern that is none of cells, or has a handler already. */
  override listen(callback: (error?: unknown) => void): void {
    this.#start().then(
      () => callback(),
      (error: unknown) => callback(error),
    );
  }

  /** Nest calls it: takes no more requests, and lets handlers that are at work finish. */
  override async close(): Promise<void> {
    this.#handling.unsubscribe();
    const idle$ = this.#running.pipe(filter((count) => count === 0));
    // The communicator of the application may have stopped before: then nothing can be answered.
    const mute$ = this.#link.cell.cells$.pipe(ignoreElements(), endWith(0));
    await firstValueFrom(race(idle$, mute$, timer(this.#gracePeriodMs)));
    this.#end.error(new CellError(ReturnCode.SERVICE_UNAVAILABLE));
    await this.#link.stop();
  }

  /** Calls back with the neighbour whenever one becomes READY (`connect`) or goes (`disconnect`), until `close`. */
  override on(event: keyof CellEvents, callback: (neighbour: Endpoint) => void): void {
    this.#link.on(event, callback);
  }

  /** The cell. */
  override unwrap<T = Cell>(): T {
    return this.#link.cell as T;
  }

  async #start(): Promise<void> {
    for (const [route, handler] of this.messageHandlers) {
      const { channel, topic } = cellPatternOf(route);
      this.#handling.add(
        this.#link.cell.handle(channel, topic, (request) =>
          this.#counted((gone$) =>
            request.replyExpected
              ? this.#reply(handler, request, gone$)
              : this.#note(handler, request, gone$),
          ),
        ),
      );
    }
    await this.#link.start();
  }

  /**
   * Counts what is at work until the cell has sent what came of it, nobody waits for it any more, or the service has ended.
   *
   * @param work - given what emits then
   */
  #counted(work: (gone$: Observable<void>) => Promise<FobsValue>): Observable<FobsValue> {
    return defer(() => {
      const gone = new ReplaySubject<void>(1);
      this.#running.next(this.#running.value + 1);
      return from(work(gone)).pipe(
        takeUntil(this.#end),
        finalize(() => {
          gone.next();
          this.#running.next(this.#running.value - 1);
        }),
      );
    });
  }

  async #reply(handler: MessageHandler, request: CellRequest, gone$: Observable<void>): Promise<FobsValue> {
    try {
      return await this.#handled(handler, request, gone$);
    } catch (thrown) {
      throw failureOf(thrown);
    }
  }

  /** Nobody hears of an error but us. Nest has logged what its own filter has turned into a plain object. */
  async #note(handler: MessageHandler, event: CellRequest, gone$: Observable<void>): Promise<undefined> {
    try {
      await this.#handled(handler, event, gone$);
    } catch (thrown) {
      if (thrown instanceof Error) this.logger.error(thrown);
      throw thrown;
    }
  }

  /**
   * What a handler returns, promises, or emits last, between the hooks of instrumentation. These are typed `void`: a hook
   * need not return what it calls.
   */
  #handled(handler: MessageHandler, request: CellRequest, gone$: Observable<void>): Promise<FobsValue> {
    const context = new CellContext([request]);
    const work = async (): Promise<FobsValue> => {
      try {
        const result: unknown = await handler(request.payload, context);
        if (!isObservable(result)) return result as FobsValue;
        const value$ = result.pipe(takeUntil(this.#end), takeUntil(gone$));
        return (await lastValueFrom(value$, { defaultValue: undefined })) as FobsValue;
      } finally {
        this.onProcessingEndHook(CELL_TRANSPORT, context);
      }
    };
    return new Promise((resolve, reject) => {
      this.onProcessingStartHook(CELL_TRANSPORT, context, () => work().then(resolve, reject));
    });
  }
}
