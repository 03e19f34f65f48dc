import { defer, NEVER, Observable, Subject } from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { Connection } from '../transport/connection.js';
import type {
  Driver,
  DriverCapabilities,
  DriverParams,
  Listener,
  ListenerUrls,
} from '../transport/driver.js';
import { describeParams } from '../transport/url.js';
import type { VirtualLink } from './virtual-link.js';

/** What the drivers of one network share. */
export interface VirtualSwitch {
  /** Who listens, by endpoint name. */
  readonly listeners: Map<string, Subject<Connection>>;
  /** The link between two endpoints. */
  link(one: string, other: string): VirtualLink;
}

/** `virtual://name`: the driver of one endpoint of a virtual network. */
export class VirtualDriver implements Driver {
  readonly schemes = ['virtual'] as const;
  readonly capabilities: DriverCapabilities = { tls: false, heartbeat: true, listen: true };
  readonly #owner: string;
  readonly #switch: VirtualSwitch;

  constructor(owner: string, between: VirtualSwitch) {
    this.#owner = owner;
    this.#switch = between;
  }

  connect(params: DriverParams): Observable<Connection> {
    const name = params.host ?? '';
    const link = this.#switch.link(this.#owner, name);
    return defer(() => {
      if (link.state === 'down') throw link.downError();
      if (link.state !== 'up') return NEVER;
      const listener = this.#switch.listeners.get(name);
      if (listener === undefined)
        throw new CommError(CommErrorCode.NOT_READY, `${describeParams(params)}: nobody listens there`);
      const [active, passive] = link.pair(this.#owner, name);
      listener.next(passive);
      return active.lifetime();
    });
  }

  listen(params: DriverParams): Observable<Listener> {
    return new Observable((subscriber) => {
      const { listeners } = this.#switch;
      const name = params.host ?? '';
      if (listeners.has(name))
        throw new CommError(CommErrorCode.BAD_CONFIG, `${describeParams(params)}: the name is taken`);
      const connections = new Subject<Connection>();
      listeners.set(name, connections);
      subscriber.next({ url: `virtual://${name}`, connections$: connections.asObservable() });
      return () => {
        listeners.delete(name);
        connections.complete();
      };
    });
  }

  resolveUrls(): Promise<ListenerUrls> {
    const url = `virtual://${this.#owner}`;
    return Promise.resolve({ connectUrl: url, listenUrl: url });
  }
}
