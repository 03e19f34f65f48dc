import { asapScheduler, defer, Observable, type SchedulerLike, Subject } from 'rxjs';

import { CommError, CommErrorCode } from '../../comm-error.js';
import type { Connection } from '../../transport/connection.js';
import type {
  Driver,
  DriverCapabilities,
  DriverParams,
  Listener,
  ListenerUrls,
  Resources,
} from '../../transport/driver.js';
import { describeParams } from '../../transport/url.js';
import { InProcessConnection } from './in-process-connection.js';

/** How an in-process network behaves. */
export interface InProcessOptions {
  /** Milliseconds from `send` to the other side. Default: 0. */
  readonly latencyMs?: number;
  /** The clock; a `TestScheduler` for virtual time. Default: `asapScheduler`. */
  readonly scheduler?: SchedulerLike;
  /** The listeners by name. Drivers that share a map share a network. Default: one map for the process. */
  readonly listeners?: Map<string, Subject<Connection>>;
}

/** The default network. */
const processListeners = new Map<string, Subject<Connection>>();

let names = 0;

/**
 * `inproc://name`: connections inside one process, for tests and for programs whose endpoints share it. A real
 * driver: frames, back pressure and closing work as on a socket.
 */
export class InProcessDriver implements Driver {
  readonly schemes = ['inproc'] as const;
  readonly capabilities: DriverCapabilities = { tls: false, heartbeat: false, listen: true };
  readonly #options: Required<InProcessOptions>;

  /** Without options there is no latency, and one network for the process. */
  constructor({
    latencyMs = 0,
    scheduler = asapScheduler,
    listeners = processListeners,
  }: InProcessOptions = {}) {
    this.#options = { latencyMs, scheduler, listeners };
  }

  connect(params: DriverParams): Observable<Connection> {
    return defer(() => {
      const name = requireName(params);
      const listener = this.#options.listeners.get(name);
      if (listener === undefined)
        throw new CommError(CommErrorCode.NOT_READY, `${describeParams(params)}: nobody listens there`);
      const address = `inproc://${name}`;
      const [active, passive] = InProcessConnection.pair(`${address}#active`, address, this.#options);
      listener.next(passive);
      return active.lifetime();
    });
  }

  listen(params: DriverParams): Observable<Listener> {
    return new Observable((subscriber) => {
      const { listeners } = this.#options;
      const name = requireName(params);
      if (listeners.has(name))
        throw new CommError(CommErrorCode.BAD_CONFIG, `${describeParams(params)}: the name is taken`);
      const connections = new Subject<Connection>();
      listeners.set(name, connections);
      subscriber.next({ url: `inproc://${name}`, connections$: connections.asObservable() });
      return () => {
        listeners.delete(name);
        connections.complete();
      };
    });
  }

  resolveUrls(_scheme: string, { host }: Resources): Promise<ListenerUrls> {
    names += 1;
    const url = `inproc://${host ?? `listener-${names}`}`;
    return Promise.resolve({ connectUrl: url, listenUrl: url });
  }
}

function requireName(params: DriverParams): string {
  if (params.host !== undefined && params.host !== '') return params.host;
  throw new CommError(
    CommErrorCode.BAD_CONFIG,
    `${describeParams(params)}: expected a name, as in inproc://hub`,
  );
}
