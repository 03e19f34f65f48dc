import { filter, map, merge, mergeMap, type Observable, Subject } from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { LimitReport } from './connection-limiter.js';
import type { Connection } from './connection.js';
import type { ConnectorEvent } from './connector-event.js';
import {
  Connector,
  type ConnectorOptions,
  type ConnectorState,
  type FailureReport,
  nextHandle,
} from './connector.js';
import { type Driver, type DriverParams, Mode } from './driver.js';
import { describeParams, needsTls } from './url.js';

/** A connection with the connector that it came of. */
export interface ConnectorConnection {
  readonly connector: Connector;
  readonly connection: Connection;
}

/** The connectors of a communicator, by handle. */
export class ConnectorTable {
  /** The connections of all connectors. */
  readonly connections$: Observable<ConnectorConnection>;
  /** What happens to connectors. */
  readonly events$: Observable<ConnectorEvent>;

  readonly #options: ConnectorOptions;
  readonly #connectors = new Map<string, Connector>();
  readonly #added = new Subject<Connector>();

  constructor(options: ConnectorOptions) {
    this.#options = options;
    this.connections$ = this.#added.pipe(
      mergeMap((connector) => connector.connections$.pipe(map((connection) => ({ connector, connection })))),
    );
    this.events$ = this.#added.pipe(
      mergeMap((connector) =>
        merge(
          connector.state$.pipe(map((state) => toEvent(connector, state))),
          connector.limited$.pipe(map((report) => toLimited(connector, report))),
          connector.failed$.pipe(map((report) => toFailed(connector, report))),
        ),
      ),
      filter((event) => event !== undefined),
    );
  }

  /**
   * Adds a connector; it does not start by itself.
   *
   * @throws CommError `BAD_CONFIG` for TLS on a driver without it, or what its `check` refuses; `NOT_SUPPORTED` for a
   * listener on a driver that cannot listen
   */
  add(driver: Driver, mode: Mode, params: DriverParams): Connector {
    if (needsTls(params) && !driver.capabilities.tls) {
      throw new CommError(CommErrorCode.BAD_CONFIG, `${describeParams(params)}: this driver cannot encrypt`);
    }
    if (mode === Mode.PASSIVE && !driver.capabilities.listen) {
      throw new CommError(
        CommErrorCode.NOT_SUPPORTED,
        `${describeParams(params)}: this driver cannot listen`,
      );
    }
    driver.check?.(mode, params);
    const connector = new Connector(nextHandle(), driver, mode, params, this.#options);
    this.#connectors.set(connector.handle, connector);
    this.#added.next(connector);
    return connector;
  }

  get(handle: string): Connector | undefined {
    return this.#connectors.get(handle);
  }

  /** All connectors, in the order added. */
  get all(): readonly Connector[] {
    return [...this.#connectors.values()];
  }

  /** Stops a connector and forgets it. */
  remove(connector: Connector): void {
    this.#connectors.delete(connector.handle);
    connector.stop();
  }

  /** Ends the streams, once all connectors are stopped. */
  complete(): void {
    this.#added.complete();
  }
}

function toEvent(connector: Connector, state: ConnectorState): ConnectorEvent | undefined {
  const { handle, url, mode, attemptedAt } = connector;
  if (state.type === 'listening') return { type: 'listening', handle, url: state.url };
  if (state.type === 'retrying')
    return { handle, url, mode, ...(attemptedAt === undefined ? {} : { attemptedAt }), ...state };
  return undefined;
}

function toFailed({ handle, url }: Connector, report: FailureReport): ConnectorEvent {
  return { type: 'handshake-failed', handle, url, ...report };
}

function toLimited(
  { handle, url }: Connector,
  { error, peerAddr, connections }: LimitReport,
): ConnectorEvent {
  const { limit, message } = error;
  return { type: 'limited', handle, url, limit, peerAddr, connections, message };
}
