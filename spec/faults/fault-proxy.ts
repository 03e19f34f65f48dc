import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

import { type Subscription, timer } from 'rxjs';

import { parseUrl } from '../../lib/transport/url.js';
import { formatUrl } from '../../lib/transport/url.js';
import { seededRandom } from '../support/random.js';
import { FaultLink } from './fault-link.js';
import { type Conditions, type Fault, NO_FAULT, worsen } from './fault.js';

/**
 * A TCP proxy in front of any listener, that can do to its connections what networks do. Which bytes are hit and
 * where pieces end is the same on every run with the same seed.
 */
export class FaultProxy implements AsyncDisposable {
  /** Connect here instead: the URL of the listener with the port of the proxy. */
  readonly url: string;
  readonly #server: Server;
  readonly #port: number;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #seed: number;
  readonly #links = new Set<FaultLink>();
  #conditions: Conditions = NO_FAULT;
  #accepted = 0;
  #acceptAgain: Subscription | undefined;

  private constructor(server: Server, targetUrl: string, seed: number) {
    const { scheme, host = '127.0.0.1', port = 0 } = parseUrl(targetUrl);
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
    this.#target = { host, port };
    this.#seed = seed;
    this.url = formatUrl(scheme, '127.0.0.1', this.#port);
    server.on('connection', (client: Socket) => this.#accept(client));
  }

  /** Starts a proxy on a port of its own. */
  static async listen(targetUrl: string, seed = 1): Promise<FaultProxy> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FaultProxy(server, targetUrl, seed);
  }

  /** The live connections, the oldest first. */
  get links(): readonly FaultLink[] {
    return [...this.#links];
  }

  /** How many connections it has taken so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Does it to every live connection; a lasting fault also to those to come. */
  apply(fault: Fault): void {
    switch (fault.type) {
      case 'refuse':
        this.#refuse(fault.ms);
        break;
      case 'delay':
      case 'throttle':
      case 'split':
        this.#setConditions(worsen(this.#conditions, fault));
        break;
      default:
        for (const link of this.#links) link.apply(fault);
    }
  }

  /** Ends the lasting faults. Connections that are half open stay so. */
  heal(): void {
    this.#setConditions(NO_FAULT);
  }

  /** Takes new connections again. */
  accept(): void {
    this.#acceptAgain?.unsubscribe();
    if (!this.#server.listening) this.#server.listen(this.#port, '127.0.0.1');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#acceptAgain?.unsubscribe();
    this.#server.close();
    const links = this.links;
    for (const link of links) link.apply({ type: 'reset' });
    await Promise.all(links.map(({ closed }) => closed));
  }

  #refuse(ms: number | undefined): void {
    this.#server.close();
    this.#acceptAgain?.unsubscribe();
    if (ms !== undefined) this.#acceptAgain = timer(ms).subscribe(() => this.accept());
  }

  #setConditions(conditions: Conditions): void {
    this.#conditions = conditions;
    for (const link of this.#links) link.conditions = conditions;
  }

  #accept(client: Socket): void {
    this.#accepted += 1;
    const server = connect({ ...this.#target, allowHalfOpen: true });
    const link = new FaultLink(client, server, seededRandom(this.#seed + this.#accepted));
    link.conditions = this.#conditions;
    this.#links.add(link);
    void link.closed.then(() => this.#links.delete(link));
  }
}
