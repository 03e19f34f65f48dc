import {
  catchError,
  endWith,
  filter,
  firstValueFrom,
  map,
  of,
  ReplaySubject,
  type Subscription,
  take,
  timeout,
  timer,
} from 'rxjs';

import {
  Communicator,
  type Connection,
  Endpoint,
  type LifecycleEvent,
  Mode,
  textMessage,
  textOf,
} from '../../lib/index.js';
import type { ListenerRules } from './reference/conversation.js';
import { insist } from './target.js';

/** Whatever must happen happens within this time, or it is a finding. */
export const PATIENCE_MS = 8_000;

/** How often it is looked whether a connection is there. */
const LOOK_MS = 2;

const HUB = 'hub';
const BYSTANDER = 'bystander';
const APP_ID = 9;

/** What the hub accepts of a peer. */
export const HUB_RULES: ListenerRules = { greeting: 'HELLO', localName: HUB, maxFrameBytes: 256 * 1024 };

/** A peer that breaks HTTP/2 in some ways is given up only when it is silent for so long. */
const LIMITS = { handshakeTimeoutMs: 1_500, heartbeatIntervalMs: 1_500, heartbeatTimeoutMs: 1_500 };

/** How a connection ended: cleanly where there is no error. */
export interface Fate {
  /** A CommError, if all is well. */
  readonly error: unknown;
}

/** A communicator that listens, and a healthy peer on the same listener that must never notice anything. */
export class Hub {
  /** Where it listens. */
  readonly url: string;
  readonly #hub: Communicator;
  readonly #bystander: Communicator;
  readonly #watching: Subscription;
  /** How the connections of strangers ended, by their address, until somebody asked. */
  readonly #fates = new Map<string, ReplaySubject<Fate>>();
  #harm: string | undefined;
  #rounds = 0;

  private constructor(url: string, hub: Communicator, bystander: Communicator) {
    this.url = url;
    this.#hub = hub;
    this.#bystander = bystander;
    this.#watching = hub.lifecycle$.subscribe((event) => this.#notice(event));
  }

  /** Listens at a URL, and connects the bystander. */
  static async open(listenUrl: string): Promise<Hub> {
    const options = { ...LIMITS, settleTimeoutMs: 0, maxFrameBytes: HUB_RULES.maxFrameBytes };
    const hub = new Communicator(new Endpoint(HUB), options);
    hub.addConnector(listenUrl, Mode.PASSIVE);
    const bound = firstValueFrom(
      hub.lifecycle$.pipe(
        filter((event) => event.type === 'listening'),
        map(({ url }) => url),
      ),
    );
    await hub.start();
    const url = await bound;
    const bystander = new Communicator(new Endpoint(BYSTANDER), options);
    bystander.addConnector(url, Mode.ACTIVE);
    await bystander.start();
    await Promise.all([firstValueFrom(hub.ready(BYSTANDER)), firstValueFrom(bystander.ready(HUB))]);
    return new Hub(url, hub, bystander);
  }

  /** How the connection from an address ended; waits for that. */
  async fateOf(address: string): Promise<Fate> {
    const fate = await firstValueFrom(this.#slot(address).pipe(timeout(PATIENCE_MS))).catch(
      (error: unknown) => error,
    );
    this.#fates.delete(address);
    insist(isFate(fate), `the hub did not end the connection from ${address}`, fate);
    return fate;
  }

  /** Whether it took what came from this address for a connection, ended or not. */
  hasMet(address: string): boolean {
    return this.#fates.has(address);
  }

  /** Waits until it has. */
  async meets(address: string): Promise<void> {
    const met$ = timer(0, LOOK_MS).pipe(filter(() => this.hasMet(address)));
    const met = await firstValueFrom(met$.pipe(timeout(PATIENCE_MS))).catch((error: unknown) => error);
    insist(!(met instanceof Error), `the hub did not take up the connection from ${address}`, met);
  }

  /** Exchanges a message with the bystander, on the connection that it has had from the beginning. */
  async checkBystander(): Promise<void> {
    this.#rounds += 1;
    await this.#exchange(this.#bystander, BYSTANDER, this.#hub, HUB);
    await this.#exchange(this.#hub, HUB, this.#bystander, BYSTANDER);
    insist(this.#harm === undefined, this.#harm ?? '');
  }

  /** Stops both. */
  async close(): Promise<void> {
    this.#watching.unsubscribe();
    await this.#bystander.stop();
    await this.#hub.stop();
  }

  async #exchange(from: Communicator, fromName: string, to: Communicator, toName: string): Promise<void> {
    const text = `round ${this.#rounds}`;
    const arrival$ = to.messages(APP_ID).pipe(
      filter(({ endpoint, message }) => endpoint.name === fromName && textOf(message) === text),
      take(1),
      timeout(PATIENCE_MS),
    );
    const arrived = firstValueFrom(arrival$).catch((error: unknown) => error);
    from.send(toName, APP_ID, textMessage(text));
    const outcome = await arrived;
    insist(!(outcome instanceof Error), `a message from ${fromName} to ${toName} did not arrive`, outcome);
  }

  #notice(event: LifecycleEvent): void {
    if (event.type === 'connected') this.#follow(event.connection);
    else if (event.type === 'disconnected' && event.endpointName === BYSTANDER)
      this.#harm = `the bystander was disconnected: ${event.error?.message ?? 'cleanly'}`;
    else if (event.type === 'callback-error') this.#harm = event.error.message;
  }

  #follow({ properties, closed$ }: Connection): void {
    const slot = this.#slot(properties.peer_addr);
    const end$ = closed$.pipe(
      endWith({ error: undefined }),
      catchError((error: unknown) => of({ error })),
    );
    end$.subscribe((fate) => slot.next(fate));
  }

  /** Where the fate of a connection will be found. */
  readonly #slot = (address: string) => {
    const slot = this.#fates.get(address) ?? new ReplaySubject<Fate>(1);
    this.#fates.set(address, slot);
    return slot;
  };
}

function isFate(value: unknown): value is Fate {
  return typeof value === 'object' && value !== null && !(value instanceof Error);
}
