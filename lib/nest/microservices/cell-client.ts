import { ClientProxy, type ReadPacket, type WritePacket } from '@nestjs/microservices';
import {
  defer,
  filter,
  firstValueFrom,
  type Observable,
  Subject,
  takeUntil,
  throwError,
  throwIfEmpty,
  timeout,
} from 'rxjs';

import { type Cell, CellError, type CellReply, ReturnCode } from '../../cellnet/index.js';
import { CommError, CommErrorCode } from '../../comm-error.js';
import type { Endpoint } from '../../endpoint.js';
import type { FobsValue } from '../../fobs/index.js';
import { requireOptions } from '../../require-options.js';
import { type CellEvents, CellLink, type CellStatus } from './cell-link.js';
import { type CellAddress, cellAddressOf } from './cell-pattern.js';

/** What a {@link CellClient} takes. */
export interface CellClientOptions {
  /** What asks; a {@link CellServer} may answer by the same one. */
  readonly cell: Cell;
  /** The cell that is asked where the pattern names none. Default: none, so that each pattern must. */
  readonly target?: string;
  /**
   * How long `connect`, and so each request, waits for a neighbour, in milliseconds. Default: 10,000. Range: 0 to 2^31 - 1.
   */
  readonly connectTimeoutMs?: number;
}

/** What each option looks like; only the time is a default. */
const SHAPES = { cell: {}, target: '', connectTimeoutMs: 10_000 };

/**
 * Asks cells by `send`, and tells them by `emit`, with a {@link CellAddress} as pattern.
 *
 * `send` emits the payload of the one reply and completes; an empty reply is no value. It errors with the CellError of
 * `Cell.request`, and with CommError `BAD_CONFIG` for a pattern that is none of cells. Unsubscribing gives up. `emit` does as
 * `Cell.fire`.
 */
export class CellClient extends ClientProxy<CellEvents> {
  readonly #link: CellLink;
  readonly #target: string | undefined;
  readonly #connectTimeoutMs: number;
  readonly #end = new Subject<never>();

  /**
   * `ClientsModule` makes it, as `customClass`.
   *
   * @throws CommError `BAD_CONFIG` for an option that is unknown, of the wrong type or out of range
   */
  constructor(options: CellClientOptions) {
    super();
    requireOptions(options, SHAPES, 'a client of cells');
    const { cell, target, connectTimeoutMs = SHAPES.connectTimeoutMs } = options;
    this.#link = new CellLink(cell);
    this.#target = target;
    this.#connectTimeoutMs = connectTimeoutMs;
  }

  /** Whether a neighbour is READY: now, and on each change. */
  override get status(): Observable<CellStatus> {
    return this.#link.status$;
  }

  /**
   * Starts the communicator where nobody has, and waits until a neighbour is READY. Each request and event does.
   *
   * Rejects with CommError `TIMEOUT` where none is in time, `CLOSED` after `close` and where the communicator stops, and those
   * of `start` of the communicator.
   */
  override async connect(): Promise<void> {
    await this.#link.start();
    const connected$ = this.#link.status$.pipe(
      filter((status) => status === 'connected'),
      timeout({ first: this.#connectTimeoutMs, with: () => throwError(() => this.#late()) }),
      takeUntil(this.#end),
      throwIfEmpty(() => new CommError(CommErrorCode.CLOSED, 'the communicator has stopped')),
    );
    await firstValueFrom(connected$);
  }

  /** Ends what waits for a neighbour, and stops the communicator where `connect` has started it. */
  override async close(): Promise<void> {
    this.#end.error(new CommError(CommErrorCode.CLOSED, 'the client is closed'));
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

  /** Nest calls it, for `send`. */
  protected override publish(packet: ReadPacket, callback: (packet: WritePacket) => void): () => void {
    const reply$ = defer(() => {
      const { target, channel, topic, ...options } = this.#addressOf(packet);
      return this.#link.cell.request(target, channel, topic, packet.data as FobsValue, options);
    });
    const asking = reply$.pipe(takeUntil(this.#end)).subscribe({
      next: ({ payload }: CellReply) => callback({ response: payload, isDisposed: true }),
      error: (err: unknown) => callback({ err }),
    });
    return () => asking.unsubscribe();
  }

  /** Nest calls it, for `emit`. */
  protected override dispatchEvent<T>(packet: ReadPacket): Promise<T> {
    return new Promise((resolve) => {
      const { target, channel, topic, headers = {}, optional = false } = this.#addressOf(packet);
      const options = { headers, optional };
      resolve(this.#link.cell.fire(target, channel, topic, packet.data as FobsValue, options) as T);
    });
  }

  /** What a hook of Nest 12 says of a packet (`setOnDispatchHook`) travels as headers. */
  #addressOf({ pattern, metadata }: ReadPacket): CellAddress & { readonly target: string } {
    const { target = this.#target, headers, ...address } = cellAddressOf(pattern);
    if (target !== undefined) return { ...address, target, headers: { ...metadata, ...headers } };
    const text = 'the pattern has no target, and the client no default';
    throw new CellError(ReturnCode.INVALID_TARGET, text);
  }

  #late(): CommError {
    const text = `no cell became a neighbour within ${this.#connectTimeoutMs} ms`;
    return new CommError(CommErrorCode.TIMEOUT, text);
  }
}
