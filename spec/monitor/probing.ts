import { concat, NEVER, type Observable, of, type Subscription, VirtualTimeScheduler } from 'rxjs';

import type { CommError } from '../../lib/comm-error.js';
import { Endpoint } from '../../lib/endpoint.js';
import { probe, ProbeError, type ProbeOptions } from '../../lib/monitor/probe.js';
import type { Connection } from '../../lib/transport/connection.js';
import { frameType, FrameType } from '../../lib/wire/prefix.js';
import { frameOf } from '../support/bytes.js';
import { FakeConnection, helloOf } from '../support/fake-connection.js';
import { FakeDriver } from '../support/fake-driver.js';

const PONG = frameOf({ type: FrameType.PONG, appId: 0, streamId: 1 }, Uint8Array.of(0xc0));

class HeartbeatDriver extends FakeDriver {
  override readonly capabilities = { tls: false, heartbeat: true, listen: true };
}

/** A probe in virtual time, of a peer that is worked by hand. */
export class Probing {
  readonly connection = new FakeConnection();
  readonly driver: FakeDriver;
  /** The types of what it has found; then `complete`, or the stage and code of its error. */
  readonly found: string[] = [];
  readonly subscription: Subscription;
  error: unknown;
  readonly #scheduler = new VirtualTimeScheduler();

  /** @param connect$ - what the driver does. Default: it connects at once */
  constructor(options: Partial<ProbeOptions> = {}, connect$?: Observable<Connection>, heartbeat = false) {
    const Driver = heartbeat ? HeartbeatDriver : FakeDriver;
    this.driver = new Driver(connect$ ?? concat(of(this.connection), NEVER));
    this.subscription = probe({
      driver: this.driver,
      params: { scheme: 'fake', host: 'hub' },
      local: new Endpoint('site-1'),
      count: 2,
      intervalMs: 1_000,
      timeoutMs: 5_000,
      scheduler: this.#scheduler,
      ...options,
    }).subscribe({
      next: ({ type }) => this.found.push(type),
      complete: () => this.found.push('complete'),
      error: (error: unknown) => {
        this.error = error;
        this.found.push(error instanceof ProbeError ? `${error.stage} ${error.code}` : String(error));
      },
    });
  }

  /** The time in milliseconds. */
  get now(): number {
    return this.#scheduler.now();
  }

  /** How many PINGs it has sent. */
  get pings(): number {
    return this.connection.sent.filter((frame) => frameType(frame) === FrameType.PING).length;
  }

  /** Lets time pass, up to a moment. */
  until(ms: number): this {
    this.#scheduler.maxFrames = ms;
    this.#scheduler.flush();
    return this;
  }

  /** The peer answers HELLO. */
  ready(name = 'hub'): this {
    this.connection.deliver(helloOf(new Endpoint(name, { site: 'munich' }), FrameType.READY));
    return this.until(this.now);
  }

  /** The peer answers a PING. */
  pong(): this {
    this.connection.deliver(PONG);
    return this;
  }

  /** The connection ends. */
  end(error?: CommError): this {
    this.connection.finish(error);
    return this;
  }
}
