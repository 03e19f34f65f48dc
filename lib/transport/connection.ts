import type { Observable } from 'rxjs';

import type { CommError } from '../comm-error.js';

/** The properties of a connection, under NVFlare's names. */
export interface ConnectionProperties {
  /** `host:port` of this side, or the transport's own form of address. */
  readonly local_addr: string;
  /** `host:port` of the other side, or the transport's own form of address. */
  readonly peer_addr: string;
  /**
   * The common name of the peer's certificate. Absent without TLS, where no certificate was verified, and where the
   * certificate has no common name or more than one: under mtls such a peer fits no endpoint name.
   */
  readonly peer_cn?: string;
  /** The common name of the CA that signed that certificate, where it has one. */
  readonly peer_issuer?: string;
  /** When that certificate expires, in ISO 8601. */
  readonly peer_valid_to?: string;
  /**
   * True where the transport verifies the peer's certificate itself and never shows it, as the WebSocket of a browser
   * does. Only then may a side that connects under mtls accept a listener without `peer_cn`.
   */
  readonly peer_cert_hidden?: true;
  /** The TLS version, such as `TLSv1.3`. Absent without TLS. */
  readonly tls?: string;
}

/**
 * One socket, stream or directory that carries frames. Of their content it knows only the length.
 *
 * Back pressure works both ways: `send` returns false while the connection is full, until `drained$` emits; `pause`
 * stops the frames until `resume`.
 */
export interface Connection {
  /** Unique in the process, as NVFlare names them: `CN00001`, `CN00002`, ... */
  readonly name: string;
  readonly properties: ConnectionProperties;
  /**
   * Whole frames, in the order sent. Hot: reading begins with the first subscription. Completes on a clean close,
   * errors with a CommError otherwise. A frame may be a view on a larger buffer.
   */
  readonly frames$: Observable<Uint8Array>;
  /** The end only: completes or errors as `frames$` does, for late subscribers too. */
  readonly closed$: Observable<never>;
  /** Emits when frames have gone to the operating system. Completes when the connection ends. */
  readonly written$: Observable<void>;
  /** Emits when a connection that was full accepts frames again. Completes when the connection ends. */
  readonly drained$: Observable<void>;
  /** Frames can be sent: neither closing nor closed. */
  readonly isOpen: boolean;
  /** The largest frame accepted from the peer, in bytes. A session raises it after the handshake. */
  maxFrameBytes: number;
  /** `send` returns false from this many buffered bytes on. Default: 1 MiB. */
  highWaterMarkBytes: number;
  /**
   * A number that grows with each sign of life of the peer: bytes came from it, or it read bytes that had been waiting.
   * The heartbeat compares two readings.
   */
  readonly activity: number;
  /** Bytes that `send` accepted and the operating system has not. */
  readonly bufferedBytes: number;
  /** Frames that `send` accepted and the operating system has not. After the end: those never written. */
  readonly bufferedFrames: number;
  /** Of these, what the operating system was given and has not confirmed: after the end, it may have arrived. */
  readonly unconfirmedBytes: number;
  /** The same in frames, the oldest ones. A frame counts where its last byte is. */
  readonly unconfirmedFrames: number;

  /**
   * Sends one frame: `head` is its prefix and headers, `payload` what follows.
   *
   * `head` is copied before the call returns. `payload` is kept by reference until it is written: do not change it.
   *
   * @returns false if the connection is full; the frame is accepted nevertheless
   * @throws CommError `CLOSED` after the end
   */
  send(head: Uint8Array, payload?: Uint8Array): boolean;
  /**
   * Stops the frames, so that what the peer sends waits on its side. A connection may have several pause owners: the
   * frames go on when each of them has resumed it.
   *
   * @param owner - the pause owner. Default: the application. A second pause of one owner changes nothing.
   */
  pause(owner?: object): void;
  /**
   * Ends the pause of one owner.
   *
   * @param owner - as given to `pause`. Without a pause of this owner nothing changes.
   */
  resume(owner?: object): void;
  /** Whether any owner has paused it. */
  readonly isPaused: boolean;
  /**
   * Closes the connection. Idempotent. Without a reason, what was accepted is written first. With one, the connection
   * ends at once, and `frames$` errors with the reason.
   *
   * @param told - the peer is refused, and this is what it may know, which may be empty: what was accepted is written
   * first, and the transport says it too where it can. `frames$` errors with the reason when the connection has ended
   * @returns when nothing of the connection is left open
   */
  close(reason?: CommError, told?: string): Promise<void>;
}

let connections = 0;

/** The next connection name, counted over the whole process as in NVFlare. */
export function nextConnectionName(): string {
  connections += 1;
  return `CN${String(connections).padStart(5, '0')}`;
}
