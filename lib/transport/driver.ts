import type { Observable } from 'rxjs';

import type { CommError } from '../comm-error.js';
import type { Connection } from './connection.js';

/** Who begins: an active connector connects, a passive one listens. */
export const Mode = { ACTIVE: 'active', PASSIVE: 'passive' } as const;

/** One of the values of {@link Mode}. */
export type Mode = (typeof Mode)[keyof typeof Mode];

/** The use of TLS: none, the listener shows a certificate, or both sides do. */
export const ConnectionSecurity = { CLEAR: 'clear', TLS: 'tls', MTLS: 'mtls' } as const;

/** One of the values of {@link ConnectionSecurity}. */
export type ConnectionSecurity = (typeof ConnectionSecurity)[keyof typeof ConnectionSecurity];

/** A certificate or key: the path of a PEM file, or the PEM itself as text or bytes. */
export type Pem = string | Uint8Array;

/**
 * The parameters of a connector. Names are NVFlare's (`driver_params.py`), since they travel in URLs and in its
 * configuration files. Drivers may define more.
 */
export interface DriverParams {
  readonly url?: string;
  readonly scheme: string;
  /** Empty for every address, which a URL spells `0`. */
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
  readonly params?: string;
  readonly query?: string;
  readonly frag?: string;
  readonly ca_cert?: Pem;
  readonly server_cert?: Pem;
  readonly server_key?: Pem;
  readonly client_cert?: Pem;
  readonly client_key?: Pem;
  /** A CA for one-way TLS that is tried before `ca_cert`. */
  readonly custom_ca_cert?: Pem;
  readonly connection_security?: ConnectionSecurity;
  readonly secure?: boolean;
  readonly [name: string]: unknown;
}

/** Ports to choose from: `8000`, `"8000-9000"`, `"-9000"`, `"8000-"`, or a list of these. */
export type PortRanges = number | string | readonly (number | string)[];

/** Parameters of `addConnector` and `startListener` beside the URL or scheme. */
export interface Resources {
  /** The host to advertise. */
  readonly host?: string;
  /** The host to bind, if it is not the one to advertise. */
  readonly listen_host?: string;
  readonly port?: number;
  readonly ports?: PortRanges;
  readonly secure?: boolean;
  readonly [name: string]: unknown;
}

/** What a driver can do. */
export interface DriverCapabilities {
  /** It can encrypt: `secure` and secure schemes are allowed. */
  readonly tls: boolean;
  /** Its connections can be lost without an event, so they need PINGs. */
  readonly heartbeat: boolean;
  /** It can be passive. */
  readonly listen: boolean;
  /** Its listeners are on a server that others bind, so `start` does not wait for that. Default: false. */
  readonly attached?: boolean;
}

/** A handshake below F3, such as that of TLS, that failed: there was no connection yet. */
export interface HandshakeFailure {
  readonly peerAddr: string;
  /** Names the URL, the address, and what went wrong. */
  readonly error: CommError;
}

/** A bound listener. */
export interface Listener {
  /** The URL it listens on, with the real port instead of 0. */
  readonly url: string;
  /** Each accepted connection. Hot. */
  readonly connections$: Observable<Connection>;
  /** Each handshake below F3 that fails. Hot. Default: none. */
  readonly failures$?: Observable<HandshakeFailure>;
}

/** The two URLs of an ad-hoc listener. */
export interface ListenerUrls {
  /** For others to connect to. */
  readonly connectUrl: string;
  /** For the listener to bind. */
  readonly listenUrl: string;
}

/**
 * Makes connections for some URL schemes. Subscribing acquires, unsubscribing releases. A driver does not reconnect, and
 * does not know what frames mean.
 *
 * Every driver passes the suite in `spec/contract`; `docs/writing-a-driver.md` shows how.
 */
export interface Driver {
  /** Lower case, without the colon. */
  readonly schemes: readonly string[];
  readonly capabilities: DriverCapabilities;
  /**
   * Refuses parameters that can never work, such as a URL without a port, so that `addConnector` throws at once. Without
   * it, a connector with such parameters retries for ever. It opens and reads nothing.
   *
   * @throws CommError `BAD_CONFIG`
   */
  check?(mode: Mode, params: DriverParams): void;
  /**
   * Loads the modules that `connect` and `listen` need, which load them themselves where this was not called. `start`
   * waits for it where it does not wait for a listener, so that an attached one misses nothing. Default: there are none.
   */
  load?(): Promise<unknown>;
  /**
   * Connects once. Emits the connection, completes when that ends cleanly, and errors with a CommError if it cannot be
   * made or breaks: see `BaseConnection.lifetime`. Unsubscribing ends the connection at once.
   */
  connect(params: DriverParams): Observable<Connection>;
  /**
   * Binds. Emits the listener once it is bound; errors with a CommError if it cannot be. Unsubscribing stops the
   * listening; accepted connections go on.
   */
  listen(params: DriverParams): Observable<Listener>;
  /**
   * Chooses an address for `startListener`.
   *
   * @throws CommError `BAD_CONFIG` if no port of the ranges is free
   */
  resolveUrls(scheme: string, resources: Resources): Promise<ListenerUrls>;
}
