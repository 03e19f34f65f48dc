import type { Observable } from 'rxjs';

import type { CommError } from '../comm-error.js';

/** What is known of a connection, under NVFlare's names. */
export interface ConnectionProperties {
  /** `host:port` of this side, or what stands for it on other transports. */
  readonly local_addr: string;
  /** `host:port` of the other side. */
  readonly peer_addr: string;
  /**
   * The common name of the peer's certificate. Absent without TLS, where no certificate was verified, and where the
   * certificate has no common name or more than one: under mtls such a peer fits no endpoint name.
   */
  readonly peer_cn?: string;
  /**
   * True where the transport verifies the peer's certificate itself and never shows it, as the WebSocket of a browser
   * does. Only then may a side that connects under mtls accept a listener without `peer_cn`.
   */
  readonly peer_cert_hidden?: true;
  /** The TLS version, where the connection is encrypted: `TLSv1.3`. */
  readonly tls?: string;
}

/**
 * One socket, stream or directory that carries frames. It knows nothing of what they mean, save their length.
 *
 * Back pressure runs both ways: `send` returns false when the connection has enough to write, until `drained$`
 * emits; `pause` stops the frames, until `resume`.
 */
export interface Connection {
  /** Unique in the process: `CN00001`, `CN00002`, ... as NVFlare names them. */
  readonly name: string;
  readonly properties: ConnectionProperties;
  /**
   * Whole frames, in the order sent. Hot: reading begins with the first subscription. Completes on a clean
   * close; errors with a CommError otherwise. A frame may be a view on a larger buffer.
   */
  readonly frames$: Observable<Uint8Array>;
  /** The end alone: completes or errors as `frames$` does, also for a late subscriber. */
  readonly closed$: Observable<never>;
  /** Emits when frames have gone to the operating system. Completes when the connection ends. */
  readonly written$: Observable<void>;
  /** Emits when a connection that was full takes frames again. Completes when the connection ends. */
  readonly drained$: Observable<void>;
  /** Frames can be sent: neither closing nor closed. */
  readonly isOpen: boolean;
  /** The largest frame accepted from the peer, in bytes. A session raises it after the handshake. */
  maxFrameBytes: number;
  /** From this many buffered bytes on, `send` answers false. */
  highWaterMarkBytes: number;
  /**
   * A number that grows whenever the peer shows life: bytes came from it, or it took bytes that had been
   * waiting. The heartbeat compares two readings.
   */
  readonly activity: number;
  /** Bytes accepted by `send` that are not with the operating system yet. */
  readonly bufferedBytes: number;
  /** The same in frames. After the end: what was accepted and never written. */
  readonly bufferedFrames: number;

  /**
   * Sends one frame: `head` is its prefix and headers, `payload` what follows.
   *
   * `head` is copied before the call returns. `payload` may be kept by reference until it is written.
   *
   * @returns false when the connection is full; the frame is accepted all the same
   * @throws CommError `CLOSED` after the end
   */
  send(head: Uint8Array, payload?: Uint8Array): boolean;
  /**
   * Stops the frames; what the peer sends meanwhile waits on its side. Several may pause one connection: the frames
   * come again when each of them has resumed it.
   *
   * @param owner - who pauses; the user of the connection unless told. To pause twice is to pause once.
   */
  pause(owner?: object): void;
  /**
   * Ends the pause of one owner.
   *
   * @param owner - as given to `pause`; one that has not paused changes nothing
   */
  resume(owner?: object): void;
  /** Somebody has paused it. */
  readonly isPaused: boolean;
  /**
   * Closes the connection. Idempotent. Without a reason, what was accepted is flushed first; with one, it ends at
   * once and `frames$` errors with the reason.
   *
   * @returns when nothing of it is left open
   */
  close(reason?: CommError): Promise<void>;
}

let connections = 0;

/** The next connection name, counted over the whole process as in NVFlare. */
export function nextConnectionName(): string {
  connections += 1;
  return `CN${String(connections).padStart(5, '0')}`;
}
