import { map, type SchedulerLike, type Subject } from 'rxjs';
import type { TestScheduler } from 'rxjs/testing';

import { Cell, type CellOptions } from '../cellnet/index.js';
import { CommError, CommErrorCode } from '../comm-error.js';
import { Endpoint } from '../endpoint.js';
import { type Message, textMessage } from '../message.js';
import type { CommunicatorOptions } from '../options.js';
import type { Connection } from '../transport/connection.js';
import { DriverRegistry } from '../transport/driver-registry.js';
import { Mode } from '../transport/driver.js';
import { draw } from './draw.js';
import { endingScheduler } from './ending-scheduler.js';
import { VirtualCommunicator } from './virtual-communicator.js';
import { VirtualDriver } from './virtual-driver.js';
import { type LinkState, VirtualLink } from './virtual-link.js';

/** What a {@link VirtualNetwork} takes. */
export interface VirtualNetworkOptions {
  /** From one endpoint to another, in milliseconds. Default: 0, so that everything happens in the frame of its cause. */
  readonly latencyMs?: number;
  /**
   * When the network stands still, in milliseconds. Default: ten minutes. Heartbeats and reconnecting would
   * keep a `TestScheduler` running for ever. It ends nothing: streams do not complete.
   */
  readonly endMs?: number;
  /** For all its communicators. Nothing is left to chance: `reconnectJitter` is 0 by default. */
  readonly options?: Omit<CommunicatorOptions, 'scheduler'>;
}

const JOINING = { j: 'join', l: 'leave' } as const;

const LINK_STATES: Readonly<Record<string, LinkState>> = { u: 'up', d: 'down', s: 'stalled', x: 'lossy' };

const TEN_MINUTES_MS = 600_000;

/**
 * A network of communicators inside `TestScheduler.run`. The communicators are the real ones, with handshakes,
 * heartbeats, reconnecting and queues; only the time is virtual, and the wire. What happens to the network is
 * drawn as marbles.
 *
 * Make it inside `run`, and await nothing there. What `stop`, `sendAll` and other promises do behind an `await`
 * comes after the virtual time.
 *
 * @example
 * ```ts
 * scheduler.run(({ expectObservable }) => {
 *   const network = new VirtualNetwork(scheduler);
 *   const hub = network.communicator('hub');
 *   network.join('site-1', 'hub', '--j---l');
 *   const state$ = hub.endpoint('site-1').pipe(map((site) => site?.state));
 *   expectObservable(state$).toBe('a-b---c', { a: undefined, b: 'READY', c: 'DISCONNECTED' });
 * });
 * ```
 */
export class VirtualNetwork {
  readonly #scheduler: TestScheduler;
  readonly #time: SchedulerLike;
  readonly #latencyMs: number;
  readonly #options: CommunicatorOptions;
  readonly #communicators = new Map<string, VirtualCommunicator>();
  readonly #cells = new Map<string, Cell>();
  readonly #listeners = new Map<string, Subject<Connection>>();
  readonly #links = new Map<string, VirtualLink>();

  /** For a test inside `scheduler.run`. */
  constructor(scheduler: TestScheduler, options: VirtualNetworkOptions = {}) {
    const { latencyMs = 0, endMs = TEN_MINUTES_MS } = options;
    this.#scheduler = scheduler;
    this.#time = endingScheduler(scheduler, endMs);
    this.#latencyMs = latencyMs;
    this.#options = { reconnectJitter: 0, ...options.options };
  }

  /**
   * The communicator of an endpoint: made, started and listening on `virtual://name` the first time, the same one
   * from then on.
   *
   * @param endpoint - its name, or the first time the local endpoint with its properties
   * @param options - more options; they win over those of the network
   * @throws CommError `BAD_CONFIG` for a second local endpoint or other options under a name
   */
  communicator(
    endpoint: Endpoint | string,
    options?: Omit<CommunicatorOptions, 'scheduler'>,
  ): VirtualCommunicator {
    const name = typeof endpoint === 'string' ? endpoint : endpoint.name;
    const known = this.#communicators.get(name);
    if (known === undefined)
      return this.#add(typeof endpoint === 'string' ? new Endpoint(name) : endpoint, options);
    if (options === undefined && (typeof endpoint === 'string' || endpoint === known.localEndpoint))
      return known;
    throw new CommError(
      CommErrorCode.BAD_CONFIG,
      `endpoint ${name} is in this network already: give its properties and options the first time it is named`,
    );
  }

  /**
   * The cell of an endpoint, on its communicator: made the first time, the same one from then on. Who is joined to whom
   * says which ways there are.
   *
   * @param options - the first time only
   * @throws CommError `BAD_CONFIG` for other options under a name
   */
  cell(name: string, options?: Omit<CellOptions, 'scheduler'>): Cell {
    const known = this.#cells.get(name);
    if (known === undefined) {
      const cell = new Cell(this.communicator(name), { ...options, scheduler: this.#time });
      this.#cells.set(name, cell);
      return cell;
    }
    if (options === undefined) return known;
    const text = `cell ${name} is in this network already: give its options the first time it is named`;
    throw new CommError(CommErrorCode.BAD_CONFIG, text);
  }

  /**
   * Draws when an endpoint joins another and when it leaves: `j` adds an active connector, `l` removes it in good
   * order, after what was sent. A second `j` changes nothing. A connection that breaks is made again, as by any connector.
   */
  join(name: string, to: string, marbles: string): void {
    const communicator = this.communicator(name);
    this.communicator(to);
    let handle: string | undefined;
    draw(this.#scheduler, `${name} joins ${to}`, marbles, JOINING).subscribe((step) => {
      if (step === 'join') {
        handle ??= communicator.addConnector(`virtual://${to}`, Mode.ACTIVE);
      } else if (handle !== undefined) {
        void communicator.removeConnector(handle);
        handle = undefined;
      }
    });
  }

  /**
   * Draws the link between two endpoints, which is up at first: `u` up, `d` down, `s` stalled, `x` lossy, see
   * {@link LinkState}.
   */
  link(one: string, other: string, marbles: string): void {
    const link = this.#link(one, other);
    draw(this.#scheduler, `the link between ${link.name}`, marbles, LINK_STATES).subscribe((state) =>
      link.change(state),
    );
  }

  /**
   * Draws how the latency between two endpoints changes. What is on its way is not overtaken.
   *
   * @param values - milliseconds by letter
   */
  latency(one: string, other: string, marbles: string, values: Readonly<Record<string, number>>): void {
    const link = this.#link(one, other);
    draw(this.#scheduler, `the latency between ${link.name}`, marbles, values).subscribe(
      (latencyMs) => (link.latencyMs = latencyMs),
    );
  }

  /**
   * Draws messages from one endpoint to another. They are sent by `Communicator.send`, and what that throws fails
   * the test.
   *
   * @param values - messages by letter; without it each is its letter as text
   */
  send(
    from: string,
    to: string,
    appId: number,
    marbles: string,
    values?: Readonly<Record<string, Message>>,
  ): void {
    const communicator = this.communicator(from);
    const messages$ =
      values === undefined
        ? this.#scheduler.createHotObservable(marbles).pipe(map((letter) => textMessage(letter)))
        : draw(this.#scheduler, `messages from ${from} to ${to}`, marbles, values);
    messages$.subscribe((message) => communicator.send(to, appId, message));
  }

  #add(local: Endpoint, options: Omit<CommunicatorOptions, 'scheduler'> = {}): VirtualCommunicator {
    const { name } = local;
    const drivers = new DriverRegistry([
      new VirtualDriver(name, {
        listeners: this.#listeners,
        link: (one, other) => this.#link(one, other),
      }),
    ]);
    const communicator = new VirtualCommunicator(
      local,
      { ...this.#options, ...options, scheduler: this.#time },
      drivers,
    );
    this.#communicators.set(name, communicator);
    communicator.addConnector(`virtual://${name}`, Mode.PASSIVE);
    void communicator.start();
    return communicator;
  }

  /** One link for both directions, made when it is first named. */
  #link(one: string, other: string): VirtualLink {
    const key = [one, other].sort().join(' and ');
    const link = this.#links.get(key) ?? new VirtualLink(key, this.#time, this.#latencyMs);
    this.#links.set(key, link);
    return link;
  }
}
