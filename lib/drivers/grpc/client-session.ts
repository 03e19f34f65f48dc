import { performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';

import { type Subscription, timer } from 'rxjs';

import { untilClosed } from '../node/until-closed.js';
import { ESTABLISH_MS, LINGER_MS, SERVER_OPTIONS, WINDOW_BYTES } from './http2.js';

/** The HTTP/2 session with a client. Several streams may share it, as those of Python's channels do. */
export class ClientSession {
  readonly session: ServerHttp2Session;
  readonly socket: Socket;
  #streams = 0;
  /** Destroys the socket; runs until the first stream, and again after the last. */
  #patience: Subscription;

  constructor(socket: Socket) {
    this.socket = socket;
    this.session = performServerHandshake(socket, SERVER_OPTIONS);
    this.session.setLocalWindowSize(WINDOW_BYTES);
    this.#patience = this.#destroyIn(ESTABLISH_MS);
    socket.once('close', () => this.#patience.unsubscribe());
  }

  /** Adds a stream. */
  join(): void {
    this.#streams += 1;
    this.#patience.unsubscribe();
  }

  /**
   * Removes a stream that is about to close. After the last one the client has a moment to read what is in flight, then
   * the socket is destroyed.
   *
   * @returns when the stream is closed, and after the last stream the socket
   */
  async leave(stream: ServerHttp2Stream): Promise<void> {
    this.#streams -= 1;
    const isLast = this.#streams === 0;
    if (isLast) {
      this.session.close();
      this.#patience = this.#destroyIn(LINGER_MS);
    }
    await untilClosed(isLast ? this.socket : stream);
  }

  #destroyIn(ms: number): Subscription {
    return timer(ms).subscribe(() => this.socket.destroy());
  }
}
